-- Since when each attempt to archive has failed.
SELECT extract(epoch FROM clock_timestamp() - coalesce(last_archived_time, stats_reset, pg_postmaster_start_time()))::float8,
       format('%s failed last', last_failed_wal), NULL::text
FROM pg_stat_archiver
WHERE last_failed_time > coalesce(last_archived_time, '-infinity')
