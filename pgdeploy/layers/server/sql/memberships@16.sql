-- Who is member of what, by whose grant.
SELECT g.rolname::text, m.rolname::text, o.rolname::text, a.admin_option, a.inherit_option, a.set_option
FROM pg_auth_members a
JOIN pg_roles g ON g.oid = a.roleid
JOIN pg_roles m ON m.oid = a.member
JOIN pg_roles o ON o.oid = a.grantor
