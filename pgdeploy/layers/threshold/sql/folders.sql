-- Where data and WAL are, for the host to measure.
SELECT current_setting('data_directory'), 'the data directory'
UNION ALL SELECT current_setting('data_directory') || '/pg_wal', 'the WAL'
UNION ALL SELECT pg_tablespace_location(oid), format('tablespace %s', spcname)
FROM pg_tablespace WHERE pg_tablespace_location(oid) <> ''
