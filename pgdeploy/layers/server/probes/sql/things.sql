-- Objects in the named schemas, and what stands in none: oid, owner, whether it is a table that stores rows,
-- and the columns of the tables of which single columns are asked about.
WITH space AS (
  SELECT oid, nspname::pg_catalog.text AS name, nspowner FROM pg_catalog.pg_namespace WHERE nspname = ANY(%(schemas)s)
)
SELECT 'schema', NULL::pg_catalog.text, name, NULL::pg_catalog.text, oid::pg_catalog.text, nspowner::pg_catalog.int8,
       false, NULL::pg_catalog.text[], NULL::pg_catalog.int4[]
FROM space
UNION ALL
SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, s.name, c.relname::pg_catalog.text, NULL,
       c.oid::pg_catalog.text, c.relowner::pg_catalog.int8, c.relkind IN ('r', 'p'), a.names, a.numbers
FROM pg_catalog.pg_class c
JOIN space s ON s.oid = c.relnamespace
LEFT JOIN LATERAL (
  SELECT pg_catalog.array_agg(attname::pg_catalog.text ORDER BY attnum) AS names,
         pg_catalog.array_agg(attnum::pg_catalog.int4 ORDER BY attnum) AS numbers
  FROM pg_catalog.pg_attribute
  WHERE c.relname = ANY(%(with_columns)s) AND attrelid = c.oid AND attnum > 0 AND NOT attisdropped
) a ON true
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S')
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, s.name, p.proname::pg_catalog.text,
       pg_catalog.oidvectortypes(p.proargtypes), p.oid::pg_catalog.text, p.proowner, false, NULL, NULL
FROM pg_catalog.pg_proc p JOIN space s ON s.oid = p.pronamespace
UNION ALL
SELECT 'type', s.name, t.typname::pg_catalog.text, NULL, t.oid::pg_catalog.text, t.typowner, false, NULL, NULL
FROM pg_catalog.pg_type t JOIN space s ON s.oid = t.typnamespace
UNION ALL
SELECT 'language', NULL, lanname::pg_catalog.text, NULL, oid::pg_catalog.text, lanowner, false, NULL, NULL
FROM pg_catalog.pg_language
UNION ALL
SELECT 'foreign_data_wrapper', NULL, fdwname::pg_catalog.text, NULL, oid::pg_catalog.text, fdwowner, false, NULL, NULL
FROM pg_catalog.pg_foreign_data_wrapper
UNION ALL
SELECT 'foreign_server', NULL, srvname::pg_catalog.text, NULL, oid::pg_catalog.text, srvowner, false, NULL, NULL
FROM pg_catalog.pg_foreign_server
UNION ALL
SELECT 'tablespace', NULL, spcname::pg_catalog.text, NULL, oid::pg_catalog.text, spcowner, false, NULL, NULL
FROM pg_catalog.pg_tablespace
UNION ALL
SELECT 'database', NULL, datname::pg_catalog.text, NULL, oid::pg_catalog.text, datdba, false, NULL, NULL
FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
