-- The prepared transaction that waits longest for COMMIT PREPARED or ROLLBACK PREPARED.
SELECT extract(epoch FROM clock_timestamp() - prepared)::float8,
       format('%L of %s in %s', gid, owner, database), NULL::text
FROM pg_prepared_xacts ORDER BY 1 DESC LIMIT 1
