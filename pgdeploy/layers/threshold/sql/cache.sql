-- Blocks found in shared_buffers; of a few blocks a ratio says nothing.
SELECT (100.0 * sum(blks_hit) / sum(blks_hit + blks_read))::float8,
       format('of %s blocks', sum(blks_hit + blks_read)), NULL::text
FROM pg_stat_database
HAVING sum(blks_hit + blks_read) >= 100000
