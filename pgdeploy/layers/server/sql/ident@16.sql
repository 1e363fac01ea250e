-- The lines of pg_ident.conf and of all files that it includes, in the order in which they count.
SELECT file_name, line_number, map_name, sys_name, pg_username, error
FROM pg_ident_file_mappings
ORDER BY map_number NULLS LAST, file_name, line_number
