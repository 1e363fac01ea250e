-- The text of pg_ident.conf and of each file that it includes lines from; times as before PostgreSQL 16.
SELECT f.name, pg_read_binary_file(f.name), NULL::text[], s.size,
       (extract(epoch FROM s.modification) * 1000000)::bigint, (extract(epoch FROM s.change) * 1000000)::bigint
FROM (
  SELECT current_setting('ident_file')
  UNION
  SELECT file_name FROM pg_ident_file_mappings
) AS f(name)
CROSS JOIN LATERAL pg_stat_file(f.name) AS s
