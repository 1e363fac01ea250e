-- The sequence that has used the largest part of its values. What we may not read is a row without a value.
SELECT used, what, NULL::text
FROM (
SELECT *, row_number() OVER (PARTITION BY used IS NULL ORDER BY used DESC) AS place FROM (
SELECT CASE WHEN s.seqcycle THEN 0
            WHEN v.last_value IS NULL THEN CASE WHEN v.readable THEN 0 END
            WHEN s.seqincrement > 0 THEN 100.0 * (v.last_value::numeric - s.seqmin) / greatest(s.seqmax::numeric - s.seqmin, 1)
            ELSE 100.0 * (s.seqmax::numeric - v.last_value) / greatest(s.seqmax::numeric - s.seqmin, 1) END::float8 AS used,
       format('sequence %s', s.seqrelid::regclass) AS what
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid AND c.relpersistence <> 't'
CROSS JOIN LATERAL (
  SELECT r.readable, CASE WHEN r.readable THEN pg_sequence_last_value(s.seqrelid) END AS last_value
  FROM (SELECT has_sequence_privilege(s.seqrelid, 'SELECT,USAGE') AS readable) r
) v
) known) placed
WHERE place = 1
