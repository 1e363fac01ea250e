-- What pg_dump reads: every relation with data and every large object, and why the role could not read it.
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
UNION ALL
-- before 18 the server has no function that is asked, and no privileges of pg_read_all_data reach them
SELECT '', l.oid::pg_catalog.text, 'L', 'no SELECT'
FROM pg_catalog.pg_largeobject_metadata l
CROSS JOIN role r
WHERE NOT r.rolsuper AND NOT pg_catalog.current_setting('lo_compat_privileges')::pg_catalog.bool AND NOT EXISTS (
  SELECT FROM pg_catalog.aclexplode(coalesce(l.lomacl, pg_catalog.acldefault('L', l.lomowner))) x
  WHERE x.privilege_type = 'SELECT'
    AND CASE x.grantee WHEN 0 THEN true ELSE pg_catalog.pg_has_role(r.oid, x.grantee, 'USAGE') END)
ORDER BY 1, 2
