-- The rules of pg_hba.conf and of all files that it includes, in the order in which they count.
SELECT file_name, line_number, type, database, user_name, address, netmask, auth_method, error
FROM pg_hba_file_rules
ORDER BY rule_number NULLS LAST, file_name, line_number
