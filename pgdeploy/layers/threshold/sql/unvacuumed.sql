-- The table that autovacuum should have taken longest ago: as it reckons itself, with the table's own settings.
SELECT extract(epoch FROM clock_timestamp() - coalesce(vacuumed, pg_stat_get_db_stat_reset_time(d.oid), pg_postmaster_start_time()))::float8,
       format('%s.%I, %s dead rows, last vacuum %s', relnamespace::regnamespace, relname, dead,
              coalesce(vacuumed::timestamptz(0)::text, 'never')), NULL::text
FROM (
  SELECT relnamespace, relname, reloptions, reltuples, pg_stat_get_dead_tuples(oid) AS dead,
         greatest(pg_stat_get_last_vacuum_time(oid), pg_stat_get_last_autovacuum_time(oid)) AS vacuumed
  FROM pg_class WHERE relkind IN ('r', 't', 'm')
) c
JOIN pg_database d ON d.datname = current_database()
WHERE dead >= 1000 AND dead >
      coalesce((SELECT option_value FROM pg_options_to_table(reloptions) WHERE option_name = 'autovacuum_vacuum_threshold'),
               current_setting('autovacuum_vacuum_threshold'))::float8
      + coalesce((SELECT option_value FROM pg_options_to_table(reloptions) WHERE option_name = 'autovacuum_vacuum_scale_factor'),
                 current_setting('autovacuum_vacuum_scale_factor'))::float8 * greatest(reltuples, 0)
ORDER BY 1 DESC LIMIT 1
