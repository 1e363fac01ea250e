"""Planning a query runs what somebody hung on a table, in our session: such a table is never acted on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pgdeploy.check import Verdict
from pgdeploy.connection.embedded import Cluster
from pgdeploy.target import Target
from tests.probes.shop import OBJECTS, SPEC, World, clear, make

# A function that claims to have no effects, and counts its calls in a way that no rollback takes back.
TRAP = """
CREATE SEQUENCE public.calls;
CREATE FUNCTION public.trap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
    AS $$BEGIN PERFORM nextval('public.calls'); RETURN $1; END$$;
CREATE FUNCTION public.trap2(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql
    AS $$BEGIN PERFORM nextval('public.calls'); RETURN $1; END$$;
GRANT ALL ON SEQUENCE public.calls TO PUBLIC;
GRANT ALL ON FUNCTION public.trap TO PUBLIC;
"""
PLACES = {
    "index": "CREATE INDEX trapped ON sky.galaxy ((id + public.trap(1)))",
    "predicate": "CREATE INDEX trapped ON sky.galaxy (id) WHERE id > public.trap(1)",
    "check": "ALTER TABLE sky.galaxy ADD CHECK (id > public.trap(0) - 1)",
    "default": "ALTER TABLE sky.galaxy ALTER mass SET DEFAULT public.trap(1)",
    "statistics": "CREATE STATISTICS sky.trapped ON (id + public.trap(1)), mass FROM sky.galaxy",
    "policy": """ALTER TABLE sky.galaxy ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY p ON sky.galaxy USING (public.trap(1) = 1)""",
    "rule": "CREATE RULE r AS ON DELETE TO sky.galaxy DO ALSO SELECT public.trap(1)",
    "view": "CREATE OR REPLACE VIEW sky.bright AS SELECT public.trap(1) AS id",
    "operator": """CREATE OPERATOR public.#+# (LEFTARG = int, RIGHTARG = int, FUNCTION = public.trap2);
                   CREATE INDEX trapped ON sky.galaxy ((id + (1 OPERATOR(public.#+#) 1)))""",
    "domain": """CREATE DOMAIN public.d AS int CHECK (VALUE > public.trap(0) - 1);
                 ALTER TABLE sky.galaxy ADD more public.d""",
}


@pytest.fixture
def trapped(server16: Cluster, load: Callable[[str, int], Target]) -> Iterator[World]:
    target = load(SPEC, 16)
    try:
        world = make(target, server16, OBJECTS, "shop")
        world.run(TRAP)
        yield world
    finally:
        clear(server16, target)


@pytest.mark.parametrize("place", PLACES)
def test_nothing_that_somebody_made_is_run(trapped: World, place: str) -> None:
    trapped.run(PLACES[place])
    trapped.run("SELECT setval('public.calls', 1, false)")
    found = trapped.probe()
    connection = trapped.server.open("shop")
    try:
        assert connection.execute("SELECT is_called FROM public.calls").fetchone() == (False,)
        connection.execute(
            "EXPLAIN SELECT id FROM sky.bright" if place == "view" else "EXPLAIN DELETE FROM sky.galaxy"
        )
    finally:
        connection.close()
    # it is asked about all the same
    assert found["grant[shop: SELECT, INSERT on table sky.galaxy to app].works"].verdict is Verdict.CONFORMS
    with trapped.broken(
        "REVOKE SELECT ON sky.galaxy, sky.bright FROM app; GRANT DELETE ON sky.galaxy TO app"
    ):
        assert {
            "grant[shop: SELECT, INSERT on table sky.galaxy to app].works",
            "grant[shop: SELECT, INSERT on table sky.galaxy to app].stops_there",
        } <= trapped.drifts()


def test_the_trap_is_one(trapped: World) -> None:
    trapped.run(PLACES["index"])
    trapped.run("SELECT setval('public.calls', 1, false)")
    trapped.run("EXPLAIN SELECT * FROM sky.galaxy")
    connection = trapped.server.open("shop")
    try:
        assert connection.execute("SELECT is_called FROM public.calls").fetchone() == (True,)
    finally:
        connection.close()
