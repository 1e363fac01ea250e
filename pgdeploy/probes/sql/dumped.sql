-- What pg_dump reads: every relation with data, and why the role could not read it.
-- An extension's own tables are dumped only where the extension says so.
WITH role AS (SELECT * FROM pg_catalog.pg_roles WHERE rolname = %s),
     kept AS (
  SELECT d.objid, coalesce(d.objid = ANY(e.extconfig), false) AS dumped
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
  WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
    AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
)
SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text, c.relkind::pg_catalog.text,
       CASE WHEN NOT pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE') THEN 'no USAGE on schema ' || n.nspname
            WHEN c.relkind <> 'S' AND NOT pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT') THEN 'no SELECT'
            WHEN c.relkind = 'S' AND NOT pg_catalog.has_sequence_privilege(r.oid, c.oid, 'SELECT') THEN 'no SELECT'
            WHEN c.relrowsecurity AND NOT (r.rolsuper OR r.rolbypassrls
                 OR (pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE') AND NOT c.relforcerowsecurity))
            THEN 'row level security' END
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN kept k ON k.objid = c.oid
CROSS JOIN role r
WHERE c.relkind IN ('r', 'p', 'm', 'S') AND c.relpersistence <> 't' AND coalesce(k.dumped, true)
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY 1, 2
