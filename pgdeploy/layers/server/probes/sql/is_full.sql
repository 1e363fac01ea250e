-- Whether a limit on connections is reached: of the role, of the database, or of the server.
SELECT r.rolconnlimit BETWEEN 0 AND a.of_role
       OR d.datconnlimit BETWEEN 0 AND a.of_database
       OR a.of_all >= pg_catalog.current_setting('max_connections')::pg_catalog.int4
                      - pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4
FROM pg_catalog.pg_roles r, pg_catalog.pg_database d, LATERAL (
  SELECT pg_catalog.count(*) AS of_all, pg_catalog.count(*) FILTER (WHERE usesysid = r.oid) AS of_role,
         pg_catalog.count(*) FILTER (WHERE datid = d.oid) AS of_database
  FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend') a
WHERE r.rolname = %s AND d.datname = %s
