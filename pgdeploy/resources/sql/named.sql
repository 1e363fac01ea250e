-- What else has a name of its own in this database: its kind, name and owner, and the one word of it that is compared.
-- The last columns: how much hangs on it (foreign tables and user mappings of a foreign server), and the owner of the
-- function that it runs, where that is no superuser.
SELECT 'publication', pubname::text, pubowner::int8, puballtables::text, 0, NULL::text
FROM pg_publication
UNION ALL
SELECT 'event_trigger', e.evtname::text, e.evtowner::int8, e.evtenabled::text, 0,
       (SELECT r.rolname::text FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
        WHERE p.oid = e.evtfoid AND NOT r.rolsuper)
FROM pg_event_trigger e
UNION ALL
SELECT 'foreign_server', s.srvname::text, s.srvowner::int8, w.fdwname::text,
       (SELECT count(*) FROM pg_foreign_table t WHERE t.ftserver = s.oid)::int
       + (SELECT count(*) FROM pg_user_mappings m WHERE m.srvid = s.oid)::int, NULL
FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
