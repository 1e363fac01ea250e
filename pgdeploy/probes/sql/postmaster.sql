-- The process that listens, as it wrote it down itself; only a superuser may read that.
SELECT pg_catalog.split_part(pg_catalog.pg_read_file('postmaster.pid'), E'\n', 1)::pg_catalog.int4
