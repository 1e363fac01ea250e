-- What is kept of WAL although no setting asks for it: for a slot, for an archive command that fails, or a late checkpoint.
SELECT greatest(sum(size) - pg_size_bytes(current_setting('max_wal_size')) - pg_size_bytes(current_setting('wal_keep_size')), 0)::float8,
       format('%s files of %s, max_wal_size %s, wal_keep_size %s', count(*), pg_size_pretty(sum(size)),
              current_setting('max_wal_size'), current_setting('wal_keep_size')), NULL::text
FROM pg_ls_waldir()
