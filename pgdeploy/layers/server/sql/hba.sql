-- The rules of pg_hba.conf as the file says them now, in order; error is set for a line that is no rule.
SELECT current_setting('hba_file'), line_number, type, database, user_name, address, netmask, auth_method, error
FROM pg_hba_file_rules
ORDER BY line_number
