-- The table that autovacuum should have taken longest ago: as it reckons itself, with the table's own settings.
WITH settings AS (
  SELECT current_setting('autovacuum_vacuum_threshold')::float8 AS threshold,
         current_setting('autovacuum_vacuum_scale_factor')::float8 AS factor
), due AS (
  SELECT s.schemaname, s.relname, s.n_dead_tup, greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed
  FROM pg_stat_all_tables s JOIN pg_class c ON c.oid = s.relid, settings
  WHERE s.n_dead_tup >= 1000 AND s.n_dead_tup >
        coalesce((SELECT option_value::float8 FROM pg_options_to_table(c.reloptions)
                  WHERE option_name = 'autovacuum_vacuum_threshold'), threshold)
        + coalesce((SELECT option_value::float8 FROM pg_options_to_table(c.reloptions)
                    WHERE option_name = 'autovacuum_vacuum_scale_factor'), factor) * greatest(c.reltuples, 0)
)
SELECT extract(epoch FROM clock_timestamp() - coalesce(vacuumed,
           (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()), pg_postmaster_start_time()))::float8,
       format('%I.%I, %s dead rows, last vacuum %s', schemaname, relname, n_dead_tup, coalesce(vacuumed::timestamptz(0)::text, 'never')),
       NULL::text
FROM due ORDER BY 1 DESC LIMIT 1
