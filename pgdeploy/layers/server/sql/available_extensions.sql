-- Extensions and their versions whose files the server has. They are all read for it: not where no extension is declared.
SELECT v.name::text, v.version, v.version = a.default_version, v.superuser AND NOT v.trusted,
       NOT v.superuser, v.schema::text,
       coalesce(v.requires::text[], '{}')
FROM pg_available_extension_versions v JOIN pg_available_extensions a ON a.name = v.name
WHERE (SELECT cardinality(%(extensions)s::text[])) > 0
