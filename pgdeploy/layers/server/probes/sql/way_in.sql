-- The address from which the server sees us, NULL by its socket, and whether we come by TLS.
SELECT pg_catalog.host(pg_catalog.inet_client_addr()), coalesce(s.ssl, false)
FROM (SELECT) one LEFT JOIN pg_catalog.pg_stat_ssl s ON s.pid = pg_catalog.pg_backend_pid()
