-- Event triggers of this database that fire when something is made, and for which role of the session.
SELECT evtname::pg_catalog.text, evtenabled::pg_catalog.text
FROM pg_catalog.pg_event_trigger
WHERE evtenabled <> 'D' AND evtevent <> 'login'
