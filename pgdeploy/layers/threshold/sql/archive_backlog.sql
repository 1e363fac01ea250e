-- Files of WAL that are marked as ready to be archived.
SELECT count(*)::float8, min(name), NULL::text
FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'
