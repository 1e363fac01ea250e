-- Whether a limit on connections is reached: of the role, of the database, or of the server.
SELECT r.rolconnlimit BETWEEN 0 AND a.of_role
       OR d.datconnlimit BETWEEN 0 AND a.of_database
       OR a.of_all >= current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
FROM pg_roles r, pg_database d, LATERAL (
  SELECT count(*) AS of_all, count(*) FILTER (WHERE usesysid = r.oid) AS of_role,
         count(*) FILTER (WHERE datid = d.oid) AS of_database
  FROM pg_stat_activity WHERE backend_type = 'client backend') a
WHERE r.rolname = %s AND d.datname = %s
