-- The integer column that its sequence has filled most: a smallint or integer ends long before a bigint sequence does.
SELECT used, what, NULL::text
FROM (
SELECT *, row_number() OVER (PARTITION BY used IS NULL ORDER BY used DESC) AS place FROM (
SELECT (100.0 * v.last_value / CASE a.atttypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647
                                               ELSE 9223372036854775807 END)::float8 AS used,
       format('column %I of %s (%s)', a.attname, d.refobjid::regclass, a.atttypid::regtype) AS what
FROM pg_sequence s
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid
               AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
CROSS JOIN LATERAL (
  SELECT CASE WHEN NOT r.readable THEN NULL ELSE coalesce(pg_sequence_last_value(s.seqrelid), 0) END AS last_value
  FROM (SELECT has_sequence_privilege(s.seqrelid, 'SELECT,USAGE') AS readable) r
) v
WHERE a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
) known) placed
WHERE place = 1
