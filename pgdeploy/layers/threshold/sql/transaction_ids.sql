-- The database with the oldest transaction id.
SELECT age(datfrozenxid)::float8, format('database %s', datname), NULL::text
FROM pg_database ORDER BY 1 DESC LIMIT 1
