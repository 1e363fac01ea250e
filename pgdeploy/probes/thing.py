"""Objects as the server has them now: by which oid it knows them, and what their planning would run.

EXPLAIN checks privileges without executing, but planning a query may call functions that somebody hung on a
table (in an index, a CHECK, a default), in a session that could become superuser again. Such a table is not
`quiet`, and is only asked about, never acted on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgdeploy.resources.acl import ObjectKey

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `kind` is `a` or `d` for an identity column, `g` for a generated one."""

    name: str
    number: int
    kind: str


@dataclass(frozen=True, slots=True)
class Thing:
    """An object. `reference` is its oid, or the name of a parameter, which has none of its own."""

    reference: str
    owner: str
    relkind: str = ""
    quiet: bool = False
    columns: tuple[Column, ...] = ()


Things = Mapping[ObjectKey, Thing]

QUIET = """
c.relkind IN ('r', 'p', 'm') AND NOT (c.relrowsecurity OR c.relhasrules OR c.relispartition)
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
                             'pg_statistic_ext'::regclass))))
"""
"""Whether planning a query on pg_class c runs nobody's code; PostgreSQL's own functions leave no pg_depend."""

_THINGS = f"""
WITH space AS (SELECT oid, nspname::text AS name, nspowner FROM pg_namespace WHERE nspname = ANY(%(schemas)s))
SELECT 'schema', NULL::text, name, NULL::text, oid::text, nspowner, '', false,
       '{{}}'::text[], '{{}}'::int[], '{{}}'::text[]
FROM space
UNION ALL
SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, s.name, c.relname::text, NULL, c.oid::text, c.relowner,
       c.relkind::text, {QUIET}, a.names, a.numbers, a.kinds
FROM pg_class c JOIN space s ON s.oid = c.relnamespace
CROSS JOIN LATERAL (
  SELECT coalesce(array_agg(attname::text ORDER BY attnum), '{{}}') AS names,
         coalesce(array_agg(attnum::int ORDER BY attnum), '{{}}') AS numbers,
         coalesce(array_agg(CASE attgenerated WHEN '' THEN attidentity::text ELSE 'g' END ORDER BY attnum), '{{}}') AS kinds
  FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) a
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S')
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, s.name, p.proname::text,
       oidvectortypes(p.proargtypes), p.oid::text, p.proowner, '', false, '{{}}', '{{}}', '{{}}'
FROM pg_proc p JOIN space s ON s.oid = p.pronamespace
UNION ALL
SELECT 'type', s.name, t.typname::text, NULL, t.oid::text, t.typowner, '', false, '{{}}', '{{}}', '{{}}'
FROM pg_type t JOIN space s ON s.oid = t.typnamespace
UNION ALL
SELECT 'language', NULL, lanname::text, NULL, oid::text, lanowner, '', false, '{{}}', '{{}}', '{{}}' FROM pg_language
UNION ALL
SELECT 'foreign_data_wrapper', NULL, fdwname::text, NULL, oid::text, fdwowner, '', false, '{{}}', '{{}}', '{{}}'
FROM pg_foreign_data_wrapper
UNION ALL
SELECT 'foreign_server', NULL, srvname::text, NULL, oid::text, srvowner, '', false, '{{}}', '{{}}', '{{}}'
FROM pg_foreign_server
UNION ALL
SELECT 'tablespace', NULL, spcname::text, NULL, oid::text, spcowner, '', false, '{{}}', '{{}}', '{{}}' FROM pg_tablespace
UNION ALL
SELECT 'database', NULL, datname::text, NULL, oid::text, datdba, '', false, '{{}}', '{{}}', '{{}}'
FROM pg_database WHERE datname = current_database()
"""


def read_things(
    connection: psycopg.Connection[Any], keys: Collection[ObjectKey], roles: Mapping[int, str]
) -> Things:
    """What the keys name, as far as it exists, with the schemas that they stand in. `roles` is by oid."""
    schemas = {key.schema for key in keys} | {key.name for key in keys if key.kind == "schema"}
    rows = connection.execute(_THINGS, {"schemas": [schema for schema in schemas if schema is not None]}).fetchall()
    found = {
        ObjectKey(*row[:4]): Thing(row[4], roles.get(row[5], ""), row[6], row[7], tuple(map(Column, *row[8:])))
        for row in rows
    }
    parameters = (key for key in keys if key.kind == "parameter")
    return found | {key: Thing(key.name, "") for key in parameters}


def table_of(key: ObjectKey) -> ObjectKey:
    """The object that a key's oid is of: a column's table, else itself."""
    return key._replace(kind="table", sub=None) if key.kind == "column" else key


def column_of(key: ObjectKey, thing: Thing) -> Column | None:
    """The column that a key names."""
    return next((column for column in thing.columns if column.name == key.sub), None)
