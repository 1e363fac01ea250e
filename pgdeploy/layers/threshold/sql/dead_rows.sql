-- The table with the largest part of dead rows, where they are many. The view pg_stat_all_tables takes longer to plan than to read.
SELECT (100.0 * dead / (live + dead))::float8,
       format('%s.%I, %s dead rows, last vacuum %s', relnamespace::regnamespace, relname, dead,
              coalesce(greatest(pg_stat_get_last_vacuum_time(oid), pg_stat_get_last_autovacuum_time(oid))::timestamptz(0)::text,
                       'never')), NULL::text
FROM (
  SELECT oid, relnamespace, relname, pg_stat_get_dead_tuples(oid) AS dead, pg_stat_get_live_tuples(oid) AS live
  FROM pg_class WHERE relkind IN ('r', 't', 'm')
) c
WHERE dead >= 10000
ORDER BY 1 DESC LIMIT 1
