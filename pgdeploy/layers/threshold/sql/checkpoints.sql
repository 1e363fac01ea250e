-- Checkpoints that were asked for before their time; of a few a ratio says nothing.
SELECT (100.0 * checkpoints_req / (checkpoints_req + checkpoints_timed))::float8,
       format('%s of %s', checkpoints_req, checkpoints_req + checkpoints_timed), NULL::text
FROM pg_stat_bgwriter WHERE checkpoints_req + checkpoints_timed >= 20
