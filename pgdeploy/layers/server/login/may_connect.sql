-- Of the named databases those that let each role in, as far as privileges and a connection limit of 0 go.
SELECT r.rolname::pg_catalog.text, pg_catalog.array_agg(d.datname::pg_catalog.text)
FROM pg_catalog.pg_roles r
JOIN pg_catalog.pg_database d ON d.datallowconn AND pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT')
WHERE d.datname = ANY(%s) AND (d.datconnlimit <> 0 OR r.rolsuper)
GROUP BY 1
