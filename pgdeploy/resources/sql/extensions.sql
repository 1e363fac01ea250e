-- Extensions installed in this database, and those that could be.
SELECT a.name::text, e.extversion, n.nspname::text, a.default_version
FROM pg_available_extensions a
LEFT JOIN pg_extension e ON e.extname = a.name
LEFT JOIN pg_namespace n ON n.oid = e.extnamespace
UNION ALL
SELECT e.extname::text, e.extversion, n.nspname::text, NULL
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE NOT EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = e.extname)
