-- Every table of this database with row level security on, or with policies; the columns of row_security.sql.
SELECT n.nspname::text, c.relname::text, true, c.relrowsecurity, c.relforcerowsecurity,
       ARRAY (SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND (c.relrowsecurity OR c.relforcerowsecurity
  OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))
