-- Privileges that objects were made with: on the schema public, and what extensions grant on their own.
-- The objects of the system schemas are left out: acls.sql leaves their initial privileges out, too.
WITH space AS MATERIALIZED (
  SELECT oid, nspname::text AS name FROM pg_namespace
  WHERE nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\_toast%'
),
object AS (
  SELECT 'pg_namespace'::regclass AS class, oid, 0 AS sub_id, 'schema' AS kind, NULL::text AS schema,
         name, NULL::text AS sub
  FROM space
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 0, CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END,
         s.name, c.relname::text, NULL
  FROM pg_class c JOIN space s ON s.oid = c.relnamespace
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, t.attnum, 'column', s.name, c.relname::text, t.attname::text
  FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN space s ON s.oid = c.relnamespace
  WHERE t.attacl IS NOT NULL
  UNION ALL
  SELECT 'pg_proc'::regclass, p.oid, 0, CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
         s.name, p.proname::text, oidvectortypes(p.proargtypes)
  FROM pg_proc p JOIN space s ON s.oid = p.pronamespace
  UNION ALL
  SELECT 'pg_type'::regclass, t.oid, 0, 'type', s.name, t.typname::text, NULL
  FROM pg_type t JOIN space s ON s.oid = t.typnamespace
)
SELECT o.kind, o.schema, o.name, o.sub, x.grantee::int8, string_agg(x.privilege_type, ',')
FROM pg_init_privs i
JOIN object o ON o.class = i.classoid AND o.oid = i.objoid AND o.sub_id = i.objsubid
CROSS JOIN LATERAL aclexplode(i.initprivs) x
GROUP BY 1, 2, 3, 4, 5
