-- Of the tables that `row_security:` names: whether row level security is on, whether it binds their owner, too, and
-- the names of their policies. What cannot have it (views, foreign tables) says so.
SELECT n.nspname::text, c.relname::text, c.relkind IN ('r', 'p'), c.relrowsecurity, c.relforcerowsecurity,
       ARRAY (SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid)
FROM unnest(%(table_schemas)s::text[], %(tables)s::text[]) AS d(schema, name)
JOIN pg_namespace n ON n.nspname = d.schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = d.name
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
