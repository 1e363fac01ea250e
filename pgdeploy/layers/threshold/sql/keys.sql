-- The integer column that its sequence has filled most: a smallint or integer ends long before a bigint sequence does.
-- OFFSET 0 keeps the planner from estimating a join of the largest catalogues, which takes longer than the reading.
SELECT used, what, NULL::text
FROM (
SELECT *, row_number() OVER (PARTITION BY used IS NULL ORDER BY used DESC) AS place FROM (
SELECT (100.0 * v.last_value / CASE a.atttypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647
                                               ELSE 9223372036854775807 END)::float8 AS used,
       format('column %I of %s (%s)', a.attname, d.refobjid::regclass, a.atttypid::regtype) AS what
FROM pg_sequence s
CROSS JOIN LATERAL (
  SELECT refobjid, refobjsubid FROM pg_depend
  WHERE classid = 'pg_class'::regclass AND objid = s.seqrelid
    AND refclassid = 'pg_class'::regclass AND refobjsubid > 0 AND deptype IN ('a', 'i') OFFSET 0
) d
CROSS JOIN LATERAL (
  SELECT attname, atttypid FROM pg_attribute
  WHERE attrelid = d.refobjid AND attnum = d.refobjsubid AND atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) OFFSET 0
) a
CROSS JOIN LATERAL (
  SELECT CASE WHEN NOT r.readable THEN NULL ELSE coalesce(pg_sequence_last_value(s.seqrelid), 0) END AS last_value
  FROM (SELECT has_sequence_privilege(s.seqrelid, 'SELECT,USAGE') AS readable) r
) v
) known) placed
WHERE place = 1
