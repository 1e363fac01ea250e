-- The transaction in which nothing happens longest.
SELECT extract(epoch FROM clock_timestamp() - state_change)::float8,
       format('pid %s of %s in %s', pid, usename, datname), ARRAY[query]
FROM pg_stat_activity
WHERE state IN ('idle in transaction', 'idle in transaction (aborted)')
ORDER BY 1 DESC LIMIT 1
