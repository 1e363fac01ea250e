-- What a CREATE INDEX CONCURRENTLY left that failed; one that is made just now is none.
SELECT count(*)::float8, string_agg(indexrelid::regclass::text, ', ' ORDER BY indexrelid::regclass::text), NULL::text
FROM pg_index
WHERE NOT indisvalid AND (SELECT relkind FROM pg_class WHERE oid = indexrelid) = 'i'
  AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = indexrelid)
