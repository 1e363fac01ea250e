-- The lines of pg_ident.conf as the file says them now, in order; error is set for a line that maps nothing.
SELECT current_setting('ident_file'), line_number, map_name, sys_name, pg_username, error
FROM pg_ident_file_mappings
ORDER BY line_number
