-- Indexes that cost and are not used; those that hold a constraint are. Their size is that of the last VACUUM or ANALYZE:
-- pg_relation_size would wait for a lock.
SELECT count(*)::float8,
       string_agg(format('%s.%I (%s)', c.relnamespace::regnamespace, c.relname,
                         pg_size_pretty(c.relpages * current_setting('block_size')::bigint)), ', ' ORDER BY c.relpages DESC), NULL::text
FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relkind = 'i' AND c.relpages * current_setting('block_size')::bigint >= 10 * 1024 * 1024 AND c.oid >= 16384
  AND NOT i.indisunique AND NOT i.indisexclusion AND i.indisvalid AND pg_stat_get_numscans(c.oid) = 0
  AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid)
