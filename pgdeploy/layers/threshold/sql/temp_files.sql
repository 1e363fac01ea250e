-- A counter: bytes of temporary files by database, and since when it counts.
SELECT datname::text, temp_bytes::float8, stats_reset::text FROM pg_stat_database WHERE datname IS NOT NULL
