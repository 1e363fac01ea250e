-- Stored verifiers; only a superuser may read them.
SELECT rolname::text, rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL
