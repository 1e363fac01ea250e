-- When the server last read its files, in microseconds, and which of them is pg_hba.conf.
SELECT (extract(epoch FROM pg_conf_load_time()) * 1000000)::bigint, current_setting('hba_file')
