-- ALTER ROLE/DATABASE ... SET, one row a setting; NULL for all roles or all databases.
-- A role may give itself values of a gigabyte: they are read up to a length that no value of a spec comes to.
SELECT d.datname::text, r.rolname::text,
       split_part(c.entry, '=', 1), substr(c.entry, strpos(c.entry, '=') + 1, 65536)
FROM pg_db_role_setting s
LEFT JOIN pg_database d ON d.oid = s.setdatabase
LEFT JOIN pg_roles r ON r.oid = s.setrole
CROSS JOIN LATERAL unnest(s.setconfig) AS c(entry)
WHERE (s.setdatabase = 0 OR d.oid IS NOT NULL) AND (s.setrole = 0 OR r.oid IS NOT NULL)
