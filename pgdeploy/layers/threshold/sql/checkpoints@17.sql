-- Checkpoints that were asked for before their time; of a few a ratio says nothing.
SELECT (100.0 * num_requested / (num_requested + num_timed))::float8,
       format('%s of %s', num_requested, num_requested + num_timed), NULL::text
FROM pg_stat_checkpointer WHERE num_requested + num_timed >= 20
