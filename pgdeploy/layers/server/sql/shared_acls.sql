-- ACLs of what all databases share: databases, tablespaces.
SELECT o.kind, NULL::text, o.name, NULL::text, o.owner::int8, false, false, a.grantee::int8, a.grantor::int8,
       a.plain, a.grantable, NULL::text, o.oid::int8
FROM (
  SELECT oid, 'database' AS kind, datname::text AS name, datdba AS owner,
         coalesce(datacl, acldefault('d', datdba)) AS acl FROM pg_database
  UNION ALL
  SELECT oid, 'tablespace', spcname::text, spcowner, coalesce(spcacl, acldefault('t', spcowner)) FROM pg_tablespace
) o
LEFT JOIN LATERAL (
  SELECT x.grantee, x.grantor,
         string_agg(x.privilege_type, ',') FILTER (WHERE NOT x.is_grantable) AS plain,
         string_agg(x.privilege_type, ',') FILTER (WHERE x.is_grantable) AS grantable
  FROM aclexplode(o.acl) x GROUP BY 1, 2
) a ON true
