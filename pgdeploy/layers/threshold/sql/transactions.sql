-- The transaction that is open longest.
SELECT extract(epoch FROM clock_timestamp() - xact_start)::float8,
       format('pid %s of %s in %s, %s', pid, usename, datname, state), ARRAY[query]
FROM pg_stat_activity
WHERE xact_start IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid()
ORDER BY 1 DESC LIMIT 1
