-- Where the server finds each library that the spec wants in its sessions, as its own search does: in $libdir and in the
-- folders of dynamic_library_path. Nothing is loaded. NULL: it is nowhere there.
WITH program AS MATERIALIZED (SELECT setting AS libdir FROM pg_config() WHERE name = 'PKGLIBDIR'),
folder AS (
  SELECT f.position, CASE WHEN f.named ~ '^\$libdir(/|$)' THEN p.libdir || substr(f.named, 8) ELSE f.named END AS path
  FROM program p, unnest(string_to_array(current_setting('dynamic_library_path'), ':')) WITH ORDINALITY AS f(named, position)
),
wanted AS (SELECT DISTINCT w.name FROM unnest(%(libraries)s::text[]) AS w(name)),
candidate AS (
  SELECT w.name, 0 AS position, CASE WHEN w.name LIKE '$libdir/%%' THEN p.libdir || substr(w.name, 8) ELSE w.name END AS path
  FROM wanted w, program p WHERE w.name LIKE '%%/%%' AND w.name NOT LIKE '%%..%%'
  UNION ALL
  SELECT w.name, f.position, f.path || '/' || w.name FROM wanted w, folder f WHERE w.name NOT LIKE '%%/%%'
)
SELECT w.name, (
  SELECT c.path || s.suffix FROM candidate c, program p, unnest('{"",.so,.dylib}'::text[]) AS s(suffix)
  WHERE c.name = w.name AND CASE
    WHEN starts_with(c.path, p.libdir || '/') OR EXISTS (SELECT FROM folder f WHERE starts_with(c.path, f.path || '/'))
    THEN NOT (pg_stat_file(c.path || s.suffix, true)).isdir END
  ORDER BY c.position LIMIT 1)
FROM wanted w
