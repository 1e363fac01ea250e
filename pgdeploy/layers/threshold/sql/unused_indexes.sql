-- Indexes that cost and are not used; those that hold a constraint are.
SELECT count(*)::float8,
       string_agg(format('%I.%I (%s)', s.schemaname, s.indexrelname, pg_size_pretty(pg_relation_size(s.indexrelid))), ', '
                  ORDER BY pg_relation_size(s.indexrelid) DESC), NULL::text
FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid
WHERE s.idx_scan = 0 AND NOT i.indisunique AND NOT i.indisexclusion AND i.indisvalid
  AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)
  AND pg_relation_size(s.indexrelid) >= 10 * 1024 * 1024
