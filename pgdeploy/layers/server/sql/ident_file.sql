-- The text of pg_ident.conf, and when it was changed: in microseconds, of which the server knows whole seconds.
SELECT f.name, pg_read_binary_file(f.name), NULL::text[], s.size,
       (extract(epoch FROM s.modification) * 1000000)::bigint, (extract(epoch FROM s.change) * 1000000)::bigint
FROM (SELECT current_setting('ident_file')) AS f(name)
CROSS JOIN LATERAL pg_stat_file(f.name) AS s
