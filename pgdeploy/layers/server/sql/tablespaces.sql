-- Tablespaces, whose they are and where they are; the two that initdb makes have no place of their own.
SELECT spcname::text, spcowner::int8, pg_tablespace_location(oid)
FROM pg_tablespace
