"""Arguments of routines: what people write, and what the server shows of the same, are one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import Connection

from pgdeploy.postgres.signature import read_arguments, server_arguments, split_arguments
from pgdeploy.reach.embedded import Cluster
from pgdeploy.text.problem import ValueProblem

TYPES = (
    "int",
    "int2",
    "int4",
    "int8",
    "integer",
    "bigint",
    "smallint",
    "bool",
    "boolean",
    "float",
    "float4",
    "float8",
    "float(24)",
    "float(25)",
    "real",
    "varchar",
    "varchar(9)",
    "char(3)",
    "text",
    "timestamptz",
    "timestamp",
    "time",
    "timetz",
    "timestamp(3)",
    "timestamptz(3)",
    "numeric",
    "numeric(9)",
    "decimal(9,2)",
    "dec",
    "varbit",
    "varbit(5)",
    "bit(5)",
    "bytea",
    "int[]",
    "int[][]",
    "int4[3]",
    "varchar(9)[]",
    "timestamptz[]",
    "uuid",
    "jsonb",
    "DOUBLE PRECISION",
    "timestamp with time zone",
    "timestamp (3) without time zone",
    "time(2) with time zone",
    "Int array",
    "character varying(4)",
    "national character varying(4)",
    "pg_catalog.int4",
    "pg_catalog.text",
    "regclass",
    "bit varying(3)[]",
    "numeric( 9 , 2 )",
    "int ARRAY[4]",
    "interval",
)


@pytest.fixture(scope="module")
def ruler(server16: Cluster) -> Iterator[Connection]:
    with server16.open() as connection:
        connection.autocommit = True
        yield connection


@pytest.mark.parametrize("spelling", TYPES)
def test_a_type_is_the_one_that_the_server_reads(ruler: Connection, spelling: str) -> None:
    with ruler.transaction(force_rollback=True):
        ruler.execute(f"CREATE FUNCTION f({spelling}) RETURNS int LANGUAGE sql AS 'SELECT 1'")
        shown = ruler.execute(
            "SELECT oidvectortypes(proargtypes) FROM pg_proc WHERE proname = 'f'"
        ).fetchone()
    assert shown is not None
    assert read_arguments(spelling)[0].fits(server_arguments(shown[0])[0], anywhere=False)


ROUTINES = (
    "FUNCTION f(VARIADIC names text[])",
    "FUNCTION f(a integer, b text DEFAULT 'x, (y', c int[] = ARRAY[1, 2])",
    'FUNCTION f(IN a timestamp with time zone, OUT b double precision, INOUT c "char")',
    'FUNCTION f("my arg, too" "S.x"."a ""kind""", b "S.x"."a ""kind"""[])',
    'FUNCTION f(name name, date date, "order" text)',
    "FUNCTION f(out_of interval day to second(3) DEFAULT '1 day', p bit varying(3) DEFAULT B'1')",
    "PROCEDURE f(IN a integer, OUT b text)",
    "PROCEDURE f(INOUT a numeric(10,2))",
    "FUNCTION f()",
)
AS_SHOWN = """
SELECT oidvectortypes(proargtypes), pg_get_function_arguments(oid), pg_get_function_identity_arguments(oid),
       substring(pg_get_functiondef(oid) FROM '[(](.*)[)]\\n( RETURNS| LANGUAGE)')
FROM pg_proc WHERE proname = 'f'
"""


@pytest.mark.parametrize("routine", ROUTINES)
def test_arguments_as_psql_and_pg_get_functiondef_show_them(ruler: Connection, routine: str) -> None:
    with ruler.transaction(force_rollback=True):
        ruler.execute("SET LOCAL check_function_bodies = off")
        ruler.execute('CREATE SCHEMA "S.x"')
        ruler.execute('CREATE TYPE "S.x"."a ""kind""" AS ENUM ()')
        returns = " RETURNS int" if routine.startswith("FUNCTION") and "OUT" not in routine else ""
        ruler.execute(f"CREATE {routine}{returns} LANGUAGE plpgsql AS 'BEGIN END'")
        row = ruler.execute(AS_SHOWN).fetchone()
    assert row is not None
    actual = server_arguments(row[0])
    written = routine[routine.index("(") + 1 : -1]
    for text in (written, *row[1:]):
        read = read_arguments(text)
        assert len(read) == len(actual), text
        assert all(one.fits(other, anywhere=False) for one, other in zip(read, actual, strict=True)), text
    assert ", ".join(split_arguments(row[0])) == row[0]


def test_every_routine_of_the_server_is_read_as_it_is_shown(ruler: Connection) -> None:
    rows = ruler.execute(
        "SELECT oidvectortypes(proargtypes), pg_get_function_arguments(oid), oid::regprocedure::text FROM pg_proc"
    ).fetchall()
    assert len(rows) > 3000
    for sub, shown, name in rows:
        actual = server_arguments(sub)
        assert server_arguments(shown) == actual, name
        assert len(split_arguments(sub)) == len(actual)


def test_a_type_without_a_schema_may_stand_in_any() -> None:
    (mood,), (there,), (array,) = (
        read_arguments("mood"),
        server_arguments("app.mood"),
        server_arguments("app.mood[]"),
    )
    assert mood.fits(there, anywhere=True)
    assert not mood.fits(there, anywhere=False)
    assert read_arguments("app.mood")[0].fits(there, anywhere=False)
    assert read_arguments("app._mood")[0].fits(array, anywhere=False)
    assert not read_arguments("other.mood")[0].fits(there, anywhere=True)


@pytest.mark.parametrize(
    "text",
    ["int[", "varchar(9", "a b)", "text)", "int,", ",", "a b c", "t.c%TYPE", "a.b.c", '"', "int[x]"],
)
def test_what_is_no_list_of_arguments_is_refused(text: str) -> None:
    with pytest.raises(ValueProblem, match="no list of arguments"):
        read_arguments(text)
