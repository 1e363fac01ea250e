-- Who waits longest for a lock, for whom, and what both run.
SELECT extract(epoch FROM clock_timestamp() - coalesce(l.waitstart, a.query_start))::float8,
       format('pid %s of %s in %s waits for %s', a.pid, a.usename, a.datname,
              coalesce((SELECT string_agg(format('pid %s of %s', b.pid, b.usename), ', ' ORDER BY b.pid)
                        FROM pg_stat_activity b WHERE b.pid = ANY (pg_blocking_pids(a.pid))), 'somebody')),
       ARRAY[a.query] || (SELECT array_agg(b.query ORDER BY b.pid)
                          FROM pg_stat_activity b WHERE b.pid = ANY (pg_blocking_pids(a.pid)))
FROM pg_stat_activity a
JOIN LATERAL (SELECT min(waitstart) AS waitstart FROM pg_locks WHERE pid = a.pid AND NOT granted) l ON true
WHERE a.wait_event_type = 'Lock'
ORDER BY 1 DESC NULLS LAST LIMIT 1
