-- Indexes that cost and are not used; those that hold a constraint are. Their size is that of the last VACUUM or ANALYZE:
-- pg_relation_size would wait for a lock.
SELECT count(*)::float8,
       string_agg(format('%I.%I (%s)', s.schemaname, s.indexrelname, pg_size_pretty(c.relpages * current_setting('block_size')::bigint)), ', '
                  ORDER BY c.relpages DESC), NULL::text
FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid
JOIN pg_class c ON c.oid = s.indexrelid
WHERE s.idx_scan = 0 AND NOT i.indisunique AND NOT i.indisexclusion AND i.indisvalid
  AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)
  AND c.relpages * current_setting('block_size')::bigint >= 10 * 1024 * 1024
