-- The database with the oldest multixact id.
SELECT mxid_age(datminmxid)::float8, format('database %s', datname), NULL::text
FROM pg_database ORDER BY 1 DESC LIMIT 1
