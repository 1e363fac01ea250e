-- Extensions installed in this database. The last column: of the versions that the spec declares, those that update
-- scripts lead to; asked only where another is installed, as all ways between all versions are worked out for it.
-- `newest` is the default version, which an UPDATE without TO leads to.
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
           OR p.target = (SELECT a.default_version FROM pg_available_extensions a WHERE a.name = e.extname))) END
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
