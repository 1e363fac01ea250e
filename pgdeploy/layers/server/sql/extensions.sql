-- Extensions installed in this database. The column before the last: of the versions that the spec declares, those that update
-- scripts lead to; asked only where another is installed, as all ways between all versions are worked out for it.
-- `newest` is the default version, which an UPDATE without TO leads to.
-- The last column: who owns functions, operators and types of one that can move, as those are moved by their owners
-- only (types, with those of its tables, in some versions).
SELECT e.extname::text, e.extversion, n.nspname::text, e.extrelocatable, e.extowner::int8,
       CASE WHEN EXISTS (
         SELECT FROM unnest(%(extensions)s::text[], %(versions)s::text[]) AS d(name, version)
         WHERE d.name = e.extname AND e.extversion <> CASE d.version
           WHEN 'newest' THEN (SELECT a.default_version FROM pg_available_extensions a WHERE a.name = e.extname)
           ELSE d.version END)
         AND EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = e.extname) THEN ARRAY (
         SELECT p.target FROM pg_extension_update_paths(e.extname) p
         WHERE p.source = e.extversion AND p.path IS NOT NULL AND (
           p.target = ANY (%(versions)s::text[])
           OR p.target = (SELECT a.default_version FROM pg_available_extensions a WHERE a.name = e.extname))) END,
       CASE WHEN e.extrelocatable AND e.extname = ANY (%(extensions)s::text[]) THEN ARRAY (
         SELECT p.proowner::int8 FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
         WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
           AND d.classid = 'pg_proc'::regclass
         UNION
         SELECT o.oprowner::int8 FROM pg_depend d JOIN pg_operator o ON o.oid = d.objid
         WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
           AND d.classid = 'pg_operator'::regclass
         UNION
         SELECT t.typowner::int8 FROM pg_depend d JOIN pg_type t ON t.oid = d.objid
         WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
           AND d.classid = 'pg_type'::regclass
         UNION
         SELECT t.typowner::int8 FROM pg_depend d JOIN pg_class c ON c.oid = d.objid JOIN pg_type t ON t.oid = c.reltype
         WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
           AND d.classid = 'pg_class'::regclass) ELSE '{}' END
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
