-- What else has a name of its own in this database: its kind, name and owner, and the one word of it that is compared.
-- The last columns: how much hangs on it (foreign tables and user mappings of a foreign server; whole schemas that a
-- publication publishes, from 15), and the owner of the function that it runs, where that is no superuser.
SELECT 'publication', p.pubname::text, p.pubowner::int8, p.puballtables::text,
       (SELECT count(*) FROM pg_depend d WHERE d.classid = to_regclass('pg_catalog.pg_publication_namespace')
        AND d.refclassid = 'pg_publication'::regclass AND d.refobjid = p.oid)::int, NULL::text
FROM pg_publication p
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
