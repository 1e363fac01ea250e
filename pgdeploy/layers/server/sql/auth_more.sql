-- Files and folders that pg_hba.conf or pg_ident.conf names; an absent one has no size.
SELECT f.name, CASE WHEN NOT s.isdir THEN pg_read_binary_file(f.name) END,
       CASE WHEN s.isdir THEN ARRAY(SELECT l.name FROM pg_ls_dir(f.name) AS l(name)) END, s.size,
       coalesce((extract(epoch FROM s.modification) * 1000000)::bigint, 0),
       coalesce((extract(epoch FROM s.change) * 1000000)::bigint, 0)
FROM unnest(%(names)s::text[]) AS f(name)
LEFT JOIN LATERAL pg_stat_file(f.name, true) AS s ON true
