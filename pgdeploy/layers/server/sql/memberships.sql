-- Who is member of what. Before 16 a membership has one option (ADMIN) and its grantor means nothing.
SELECT g.rolname::text, m.rolname::text, NULL::text, a.admin_option, m.rolinherit, true
FROM pg_auth_members a
JOIN pg_roles g ON g.oid = a.roleid
JOIN pg_roles m ON m.oid = a.member
