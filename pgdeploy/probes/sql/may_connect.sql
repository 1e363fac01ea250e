-- Of the named databases those that let each role in, as far as privileges go.
SELECT r.rolname::pg_catalog.text, pg_catalog.array_agg(d.datname::pg_catalog.text)
FROM pg_catalog.pg_roles r
JOIN pg_catalog.pg_database d ON d.datallowconn AND pg_catalog.has_database_privilege(r.oid, d.oid, 'CONNECT')
WHERE d.datname = ANY(%s)
GROUP BY 1
