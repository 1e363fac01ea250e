-- Who asks: without pg_read_all_stats the sessions of others are hidden, and must not be taken for quiet ones.
SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
