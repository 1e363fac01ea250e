-- What pg_dump reads: every relation with data, whether it is quiet, and why the role could not read it.
-- An extension's own tables are dumped only where the extension says so.
SELECT n.nspname::text, c.relname::text, c.relkind::text, {quiet},
       CASE WHEN NOT has_schema_privilege(r.oid, n.oid, 'USAGE') THEN 'no USAGE on schema ' || n.nspname
            WHEN c.relkind <> 'S' AND NOT has_table_privilege(r.oid, c.oid, 'SELECT') THEN 'no SELECT'
            WHEN c.relkind = 'S' AND NOT has_sequence_privilege(r.oid, c.oid, 'SELECT') THEN 'no SELECT'
            WHEN c.relrowsecurity AND NOT (r.rolsuper OR r.rolbypassrls
                 OR (pg_has_role(r.oid, c.relowner, 'USAGE') AND NOT c.relforcerowsecurity))
            THEN 'row level security' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_roles r
WHERE r.rolname = %s AND c.relkind IN ('r', 'p', 'm', 'S') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND NOT EXISTS (
    SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_extension'::regclass
      AND d.deptype = 'e' AND c.oid <> ALL (coalesce(e.extconfig, '{}')))
ORDER BY 1, 2
