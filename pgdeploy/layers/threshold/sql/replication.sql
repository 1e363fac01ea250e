-- The standby that is farthest behind; on a standby, this one.
SELECT extract(epoch FROM coalesce(replay_lag, '0'))::float8,
       format('standby %s at %s', application_name, coalesce(client_addr::text, 'a local socket')), NULL::text
FROM pg_stat_replication WHERE NOT pg_is_in_recovery() AND state <> 'backup'
UNION ALL
SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END::float8,
       'this standby', NULL
WHERE pg_is_in_recovery()
ORDER BY 1 DESC NULLS FIRST LIMIT 1
