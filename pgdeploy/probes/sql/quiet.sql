-- Whether planning a query on pg_class c runs nobody's code; PostgreSQL's own functions leave no pg_depend.
(c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity OR c.relhasrules OR c.relispartition)
 AND NOT EXISTS (
   SELECT FROM pg_attribute t JOIN pg_type y ON y.oid = t.atttypid
   WHERE t.attrelid = c.oid AND t.attnum > 0 AND (y.typtype = 'd' OR t.attgenerated = 'v'))
 AND NOT EXISTS (
   SELECT FROM pg_depend f
   WHERE f.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
     AND ((f.classid = 'pg_class'::regclass AND f.objid = c.oid) OR (f.classid, f.objid) IN (
       SELECT part.classid, part.objid FROM pg_depend part
       WHERE part.refclassid = 'pg_class'::regclass AND part.refobjid = c.oid
         AND part.classid IN ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_attrdef'::regclass,
                              'pg_statistic_ext'::regclass)))))
