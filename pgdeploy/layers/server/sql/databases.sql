-- Every database. 14 knows libc only; 15 brings the provider.
SELECT d.datname::text, d.datdba::int8, pg_encoding_to_char(d.encoding), d.datcollate::text, d.datctype::text,
       'c', NULL::text, d.datistemplate, d.datallowconn, d.datconnlimit, t.spcname::text
FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
