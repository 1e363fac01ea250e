-- Stored verifiers; only a superuser may read them. Before 18 a role may give itself one of any length, and none of
-- ours is longer than this.
SELECT rolname::text, left(rolpassword, 65536) FROM pg_authid WHERE rolpassword IS NOT NULL
