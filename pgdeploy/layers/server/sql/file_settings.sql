-- What the configuration files say, in the order in which the server reads them.
SELECT sourcefile, sourceline, lower(name), setting, applied, error
FROM pg_file_settings
ORDER BY seqno
