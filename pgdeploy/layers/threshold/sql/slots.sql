-- The slot that keeps most WAL from being removed.
SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                       restart_lsn)::float8,
       format('slot %s, %s', slot_name, CASE WHEN active THEN 'active' ELSE 'not active' END), NULL::text
FROM pg_replication_slots WHERE restart_lsn IS NOT NULL
ORDER BY 1 DESC LIMIT 1
