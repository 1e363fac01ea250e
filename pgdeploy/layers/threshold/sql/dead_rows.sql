-- The table with the largest part of dead rows, where they are many.
SELECT (100.0 * n_dead_tup / (n_live_tup + n_dead_tup))::float8,
       format('%I.%I, %s dead rows, last vacuum %s', schemaname, relname, n_dead_tup,
              coalesce(greatest(last_vacuum, last_autovacuum)::timestamptz(0)::text, 'never')), NULL::text
FROM pg_stat_all_tables WHERE n_dead_tup >= 10000
ORDER BY 1 DESC LIMIT 1
