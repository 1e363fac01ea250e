-- What a CREATE INDEX CONCURRENTLY left that failed; one that is made just now is none.
SELECT count(*)::float8, string_agg(i.indexrelid::regclass::text, ', ' ORDER BY i.indexrelid::regclass::text), NULL::text
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relkind = 'i'
  AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
