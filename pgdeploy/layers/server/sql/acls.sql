-- Every object of this database that can hold an ACL: its owner, and one row a grantee and grantor.
-- Of the system schemas' objects those are here whole that the spec asks for, by name or by all of a kind, and of the
-- others what their ACLs hold beyond the ones they were made with.
-- Of the first ACLs of information_schema there is no record: PUBLIC reads all in it but its helpers, _pg_... .
-- member: belongs to an extension; linked: a sequence that belongs to a column. The last column but one is what the
-- grantee had from the first: on the schema public, on what extensions bring.
-- Whoever owns an extension can add objects of its own to it, and then the server records their ACLs as first ones. So
-- membership counts for objects of superusers only, and a first privilege when a superuser's object gave it; of the
-- schema public it is known.
WITH super AS MATERIALIZED (SELECT oid FROM pg_roles WHERE rolsuper),
space AS MATERIALIZED (
  SELECT oid, nspname::text AS name, nspname NOT IN ('pg_catalog', 'information_schema') AS ours
  FROM pg_namespace
  WHERE nspname <> 'pg_toast' AND nspname NOT LIKE 'pg\_temp\_%%' AND nspname NOT LIKE 'pg\_toast\_temp\_%%'
),
object AS (
  SELECT 'pg_namespace'::regclass AS class, n.oid, 0 AS sub_id, 'schema' AS kind, NULL::text AS schema,
         n.nspname::text AS name, NULL::text AS sub, n.nspowner AS owner, s.ours,
         n.nspacl AS acl, 'n'::"char" AS letter
  FROM pg_namespace n JOIN space s ON s.oid = n.oid
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, 0, CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, s.name,
         c.relname::text, NULL, c.relowner, s.ours, c.relacl,
         CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char"
  FROM pg_class c JOIN space s ON s.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S') AND (s.ours OR c.relacl IS NOT NULL OR c.relname = ANY (%(named)s)
    OR s.name || CASE c.relkind WHEN 'S' THEN ' sequence' ELSE ' table' END = ANY (%(whole)s))
  UNION ALL
  SELECT 'pg_class'::regclass, c.oid, t.attnum, 'column', s.name, c.relname::text, t.attname::text, c.relowner,
         s.ours, t.attacl, 'c'::"char"
  FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN space s ON s.oid = c.relnamespace
  WHERE t.attacl IS NOT NULL AND NOT t.attisdropped
  UNION ALL
  SELECT 'pg_proc'::regclass, p.oid, 0, CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, s.name,
         p.proname::text, oidvectortypes(p.proargtypes), p.proowner,
         s.ours, p.proacl, 'f'::"char"
  FROM pg_proc p JOIN space s ON s.oid = p.pronamespace
  WHERE s.ours OR p.proacl IS NOT NULL OR p.proname = ANY (%(named)s)
    OR s.name || CASE p.prokind WHEN 'p' THEN ' procedure' ELSE ' function' END = ANY (%(whole)s)
  UNION ALL
  SELECT 'pg_type'::regclass, t.oid, 0, 'type', s.name, t.typname::text, NULL, t.typowner, s.ours, t.typacl,
         'T'::"char"
  FROM pg_type t JOIN space s ON s.oid = t.typnamespace
  WHERE (s.ours OR t.typacl IS NOT NULL OR t.typname = ANY (%(named)s) OR s.name || ' type' = ANY (%(whole)s))
    AND t.typtype <> 'p' AND NOT (t.typelem <> 0 AND t.typsubscript = 'array_subscript_handler'::regproc)
    AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
    AND t.typtype <> 'm'
  UNION ALL
  SELECT 'pg_language'::regclass, oid, 0, 'language', NULL, lanname::text, NULL, lanowner, true, lanacl, 'l'::"char"
  FROM pg_language WHERE lanpltrusted
  UNION ALL
  SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0, 'foreign_data_wrapper', NULL, fdwname::text, NULL, fdwowner,
         true, fdwacl, 'F'::"char"
  FROM pg_foreign_data_wrapper
  UNION ALL
  SELECT 'pg_foreign_server'::regclass, oid, 0, 'foreign_server', NULL, srvname::text, NULL, srvowner, true,
         srvacl, 'S'::"char"
  FROM pg_foreign_server
  UNION ALL
  SELECT 'pg_largeobject'::regclass, oid, 0, 'large_object', NULL, oid::text, NULL, lomowner, true, lomacl, 'L'::"char"
  FROM pg_largeobject_metadata WHERE lomacl IS NOT NULL
),
asked AS (
  SELECT o.*, o.ours OR o.name = ANY (%(named)s) OR o.schema || ' ' || o.kind = ANY (%(whole)s) AS whole
  FROM object o
)
SELECT o.kind, o.schema, o.name, o.sub, o.owner::int8,
       o.owner IN (SELECT oid FROM super)
       AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e'),
       o.kind = 'sequence' AND EXISTS (
         SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype IN ('a', 'i')
                                   AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0),
       a.grantee::int8, a.grantor::int8, a.plain, a.grantable,
       CASE WHEN i.initprivs IS NOT NULL THEN (
         SELECT string_agg(y.privilege_type, ',') FROM aclexplode(i.initprivs) y
         WHERE y.grantee = a.grantee
           AND (y.grantor IN (SELECT oid FROM super)
                OR o.kind = 'schema' AND o.name = 'public' AND y.grantee = 0
                   AND (y.privilege_type = 'USAGE' OR current_setting('server_version_num')::int < 150000)))
       WHEN a.grantee = 0 AND o.schema = 'information_schema' AND o.kind = 'table' AND o.name NOT LIKE '\_pg\_%%' THEN 'SELECT'
       WHEN a.grantee = 0 AND o.kind = 'schema' AND o.name = 'information_schema' THEN 'USAGE' END,
       o.oid::int8
FROM asked o
LEFT JOIN pg_init_privs i ON i.classoid = o.class AND i.objoid = o.oid AND i.objsubid = o.sub_id
LEFT JOIN LATERAL (
  SELECT x.grantee, x.grantor,
         string_agg(x.privilege_type, ',') FILTER (WHERE NOT x.is_grantable) AS plain,
         string_agg(x.privilege_type, ',') FILTER (WHERE x.is_grantable) AS grantable
  FROM aclexplode(CASE o.letter WHEN 'c' THEN o.acl ELSE coalesce(o.acl, acldefault(o.letter, o.owner)) END) x
  WHERE o.whole IS TRUE OR x.grantee <> o.owner
    AND NOT (x.grantee = 0 AND 'information_schema' IN (coalesce(o.schema, ''), o.name)
             AND (x.privilege_type IN ('USAGE', 'EXECUTE') OR x.privilege_type = 'SELECT' AND o.name NOT LIKE '\_pg\_%%'))
    AND NOT EXISTS (
    SELECT FROM aclexplode(i.initprivs) y
    WHERE (y.grantee, y.privilege_type, y.is_grantable) = (x.grantee, x.privilege_type, x.is_grantable))
  GROUP BY 1, 2
) a ON true
WHERE o.whole IS TRUE OR (o.acl IS NOT NULL AND o.acl IS DISTINCT FROM i.initprivs AND a.grantee IS NOT NULL)
