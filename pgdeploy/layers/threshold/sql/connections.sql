-- Sessions of clients beside this one, against those that the server lets in beside superusers.
WITH counted AS (
  SELECT count(*) AS used FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
), most AS (
  SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true)::int, 0) AS allowed
), role AS (
  SELECT usename, count(*) AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
  GROUP BY usename ORDER BY n DESC, usename LIMIT 1
)
SELECT (100.0 * used / greatest(allowed, 1))::float8,
       format('%s of %s', used, allowed) || coalesce((SELECT format(', %s of them %s', n, usename) FROM role), ''), NULL::text
FROM counted, most
