SELECT d.datname::text, d.datdba::int8, pg_encoding_to_char(d.encoding), d.datcollate::text, d.datctype::text,
       d.datlocprovider::text, d.daticulocale::text, d.datistemplate, d.datallowconn, d.datconnlimit, t.spcname::text
FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
