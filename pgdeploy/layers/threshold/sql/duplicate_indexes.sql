-- Indexes that say the same as another one of their table; the one to go is not unique, or younger.
-- Their expressions as they are stored: pg_get_expr would wait for the lock of a table that somebody holds.
SELECT count(*)::float8, string_agg(format('%s as %s', gone, kept), ', ' ORDER BY gone), NULL::text
FROM (
  SELECT a.indexrelid::regclass::text AS gone, min(b.indexrelid::regclass::text) AS kept
  FROM pg_index a JOIN pg_index b
    ON a.indrelid = b.indrelid AND a.indexrelid <> b.indexrelid
   AND a.indkey::text = b.indkey::text AND a.indclass::text = b.indclass::text
   AND a.indcollation::text = b.indcollation::text AND a.indoption::text = b.indoption::text
   AND regexp_replace(a.indexprs::text, ':location -?[0-9]+', '', 'g')
       IS NOT DISTINCT FROM regexp_replace(b.indexprs::text, ':location -?[0-9]+', '', 'g')
   AND regexp_replace(a.indpred::text, ':location -?[0-9]+', '', 'g')
       IS NOT DISTINCT FROM regexp_replace(b.indpred::text, ':location -?[0-9]+', '', 'g')
  JOIN pg_class ca ON ca.oid = a.indexrelid JOIN pg_class cb ON cb.oid = b.indexrelid AND ca.relam = cb.relam
  WHERE NOT a.indisunique AND NOT a.indisexclusion AND b.indisvalid
    AND (b.indisunique OR b.indexrelid < a.indexrelid)
    AND a.indrelid >= 16384
  GROUP BY a.indexrelid
) twice
