-- Whether pg_hba.conf was changed after the server last read its files.
SELECT (pg_stat_file(current_setting('hba_file'))).modification > pg_conf_load_time(),
       current_setting('hba_file')
