-- Extensions installed in this database. The last column: of the versions that the spec declares, those that update
-- scripts lead to; asked only where another is installed, as all ways between all versions are worked out for it.
-- The last column: who owns functions, operators and types of one that can move, as those are moved by their owners
-- only (types, with those of its tables, in some versions).
SELECT e.extname::text, e.extversion, n.nspname::text, e.extrelocatable, e.extowner::int8,
       CASE WHEN EXISTS (
         SELECT FROM unnest(%(extensions)s::text[], %(versions)s::text[]) AS d(name, version)
         WHERE d.name = e.extname AND d.version <> e.extversion)
         AND EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = e.extname) THEN ARRAY (
         SELECT p.target FROM pg_extension_update_paths(e.extname) p
         WHERE p.source = e.extversion AND p.path IS NOT NULL AND p.target = ANY (%(versions)s::text[])) END,
       CASE WHEN e.extrelocatable AND e.extname = ANY (%(extensions)s::text[]) THEN ARRAY (
         SELECT p.proowner::int8 FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
         WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
           AND d.classid = 'pg_proc'::regclass
         UNION
         SELECT o.oprowner::int8 FROM pg_depend d JOIN pg_operator o ON o.oid = d.objid
         WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
           AND d.classid = 'pg_operator'::regclass
         UNION
         SELECT t.typowner::int8 FROM pg_depend d JOIN pg_type t ON d.objid IN (t.oid, nullif(t.typrelid, 0))
         WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
           AND (d.classid, d.objid) IN (('pg_type'::regclass, t.oid), ('pg_class'::regclass, t.typrelid))) ELSE '{}' END
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
