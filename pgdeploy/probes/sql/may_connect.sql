-- Of the named databases those that let each role in, as far as privileges go.
SELECT r.rolname::text, array_agg(d.datname::text)
FROM pg_roles r JOIN pg_database d ON d.datallowconn AND has_database_privilege(r.oid, d.oid, 'CONNECT')
WHERE d.datname = ANY(%s)
GROUP BY 1
