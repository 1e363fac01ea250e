-- ALTER DEFAULT PRIVILEGES in this database, one row a creator, schema (NULL: everywhere), kind of object
-- and grantee. What a global entry takes away from the built-in default has no row here.
SELECT r.rolname::text, n.nspname::text, d.defaclobjtype::text, a.grantee::int8,
       string_agg(a.privilege_type, ',') FILTER (WHERE NOT a.is_grantable),
       string_agg(a.privilege_type, ',') FILTER (WHERE a.is_grantable)
FROM pg_default_acl d
JOIN pg_roles r ON r.oid = d.defaclrole
LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
LEFT JOIN LATERAL aclexplode(d.defaclacl) a ON true
GROUP BY 1, 2, 3, 4
