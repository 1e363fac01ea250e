-- Objects in the named schemas, and what stands in none: oid, owner, and of tables the columns and whether they are quiet.
WITH space AS (SELECT oid, nspname::text AS name, nspowner FROM pg_namespace WHERE nspname = ANY(%(schemas)s)),
object AS (
  SELECT 'schema' AS kind, NULL::text AS schema, name, NULL::text AS sub, oid, nspowner AS owner FROM space
  UNION ALL
  SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, s.name, c.relname::text, NULL, c.oid, c.relowner
  FROM pg_class c JOIN space s ON s.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S')
  UNION ALL
  SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, s.name, p.proname::text,
         oidvectortypes(p.proargtypes), p.oid, p.proowner
  FROM pg_proc p JOIN space s ON s.oid = p.pronamespace
  UNION ALL
  SELECT 'type', s.name, t.typname::text, NULL, t.oid, t.typowner
  FROM pg_type t JOIN space s ON s.oid = t.typnamespace
  UNION ALL
  SELECT 'language', NULL, lanname::text, NULL, oid, lanowner FROM pg_language
  UNION ALL
  SELECT 'foreign_data_wrapper', NULL, fdwname::text, NULL, oid, fdwowner FROM pg_foreign_data_wrapper
  UNION ALL
  SELECT 'foreign_server', NULL, srvname::text, NULL, oid, srvowner FROM pg_foreign_server
  UNION ALL
  SELECT 'tablespace', NULL, spcname::text, NULL, oid, spcowner FROM pg_tablespace
  UNION ALL
  SELECT 'database', NULL, datname::text, NULL, oid, datdba FROM pg_database WHERE datname = current_database()
)
SELECT o.kind, o.schema, o.name, o.sub, o.oid::text, o.owner::int8,
       coalesce({quiet}, false), coalesce(a.names, '{}'), coalesce(a.numbers, '{}'), coalesce(a.kinds, '{}')
FROM object o
LEFT JOIN pg_class c ON c.oid = o.oid AND o.kind = 'table'
LEFT JOIN LATERAL (
  SELECT array_agg(attname::text ORDER BY attnum) AS names, array_agg(attnum::int ORDER BY attnum) AS numbers,
         array_agg(CASE attgenerated WHEN '' THEN attidentity::text ELSE 'g' END ORDER BY attnum) AS kinds
  FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) a ON true
