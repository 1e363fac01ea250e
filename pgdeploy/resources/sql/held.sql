-- What each role owns or holds privileges on in which database (NULL: shared objects), by number.
SELECT r.rolname::text, d.datname::text, count(*) FILTER (WHERE s.deptype = 'o')::int,
       count(*) FILTER (WHERE s.deptype = 'a')::int
FROM pg_shdepend s
JOIN pg_roles r ON s.refclassid = 'pg_authid'::regclass AND r.oid = s.refobjid
LEFT JOIN pg_database d ON d.oid = s.dbid
WHERE s.deptype IN ('o', 'a')
GROUP BY 1, 2
