-- How much roles own (o) and hold privileges on (a), by database (NULL: shared objects): of roles that are not
-- declared all, of declared ones what is in databases that are not declared. Default privileges are nothing to own.
-- The last column is what others make that names a role and keeps it from being dropped: user mappings, policies (r),
-- first ACLs of what extensions brought (i, from 17).
SELECT r.rolname::text, d.datname::text, s.owned, s.granted, s.named
FROM (
  SELECT refobjid, dbid,
         count(*) FILTER (WHERE deptype = 'o'
                          AND classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass))::int AS owned,
         count(*) FILTER (WHERE deptype = 'a' OR classid = 'pg_default_acl'::regclass)::int AS granted,
         count(*) FILTER (WHERE deptype IN ('r', 'i') OR classid = 'pg_user_mapping'::regclass)::int AS named
  FROM pg_shdepend
  WHERE refclassid = 'pg_authid'::regclass AND deptype IN ('o', 'a', 'r', 'i')
    AND (dbid NOT IN (0, (SELECT oid FROM pg_database WHERE datname = 'template0'))
         AND dbid <> ALL (SELECT oid FROM pg_database WHERE datname = ANY (%(databases)s))
         OR refobjid <> ALL (SELECT oid FROM pg_roles WHERE rolname = ANY (%(roles)s)))
  GROUP BY 1, 2
) s
JOIN pg_roles r ON r.oid = s.refobjid
LEFT JOIN pg_database d ON d.oid = s.dbid
