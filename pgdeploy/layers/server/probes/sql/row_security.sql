-- Of these roles and tables those where row level security binds the role, and the commands (as in pg_policy.polcmd)
-- for which a permissive policy is for it: without one it sees no row, and may write none.
WITH role AS (
  SELECT oid, rolname::pg_catalog.text AS name FROM pg_catalog.pg_roles
  WHERE NOT rolsuper AND NOT rolbypassrls AND rolname <> 'PUBLIC'
  UNION ALL
  SELECT 0, 'PUBLIC'
)
SELECT r.name, c.oid::pg_catalog.text, coalesce(p.commands, '')
FROM role r
JOIN pg_catalog.pg_class c ON c.oid = ANY(%(tables)s::pg_catalog.oid[]) AND c.relrowsecurity
LEFT JOIN LATERAL (
  SELECT pg_catalog.string_agg(DISTINCT p.polcmd::pg_catalog.text, '') AS commands
  FROM pg_catalog.pg_policy p, pg_catalog.unnest(p.polroles) AS g(role)
  WHERE p.polrelid = c.oid AND p.polpermissive
    AND CASE WHEN g.role = 0 THEN true WHEN r.oid = 0 THEN false
             ELSE pg_catalog.pg_has_role(r.oid, g.role, 'USAGE') END
) p ON true
WHERE r.name = ANY(%(roles)s::pg_catalog.text[])
  AND CASE WHEN r.oid = 0 OR c.relforcerowsecurity THEN true
           ELSE NOT pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE') END
