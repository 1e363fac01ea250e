"""What others define is never planned or run by a probe, wherever it hangs and whenever it is put there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import psycopg
import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.gate.target import Target
from pgdeploy.layers.server.login.session import THROWAWAY
from pgdeploy.reach.embedded import Cluster
from tests.probes.shop import OBJECTS, SPEC, World, clear, make

# A function that claims to have no effects, and counts its calls in a way that no rollback takes back.
TRAP = """
CREATE SEQUENCE public.calls;
CREATE FUNCTION public.trap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
    AS $$BEGIN PERFORM nextval('public.calls'); RETURN $1; END$$;
CREATE FUNCTION public.trap2(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql
    AS $$BEGIN PERFORM nextval('public.calls'); RETURN $1; END$$;
CREATE FUNCTION public.trap3() RETURNS trigger LANGUAGE plpgsql
    AS $$BEGIN PERFORM nextval('public.calls'); RETURN NULL; END$$;
CREATE FUNCTION public.trap4(sky.colour) RETURNS int IMMUTABLE LANGUAGE plpgsql
    AS $$BEGIN PERFORM nextval('public.calls'); RETURN 1; END$$;
GRANT ALL ON SEQUENCE public.calls TO PUBLIC;
GRANT ALL ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC;
"""
SELECT, DELETE, INSERT = (
    "EXPLAIN SELECT * FROM sky.galaxy",
    "EXPLAIN DELETE FROM sky.galaxy",
    "INSERT INTO sky.galaxy (mass) VALUES (2)",
)
PLACES = {
    "view": ("CREATE OR REPLACE VIEW sky.bright AS SELECT public.trap(1) AS id", "TABLE sky.bright"),
    "index": ("CREATE INDEX ON sky.galaxy ((id + public.trap(1)))", SELECT),
    "predicate": ("CREATE INDEX ON sky.galaxy (id) WHERE id > public.trap(1)", SELECT),
    "operator": (
        """CREATE OPERATOR public.#+# (LEFTARG = int, RIGHTARG = int, FUNCTION = public.trap2);
           CREATE INDEX ON sky.galaxy ((id + (1 OPERATOR(public.#+#) 1)))""",
        SELECT,
    ),
    "cast": (
        """CREATE CAST (sky.colour AS int) WITH FUNCTION public.trap4(sky.colour);
           CREATE INDEX ON sky.galaxy ((id + 'red'::sky.colour::int))""",
        SELECT,
    ),
    "statistics": ("CREATE STATISTICS sky.trapped ON (id + public.trap(1)), mass FROM sky.galaxy", SELECT),
    "check": ("ALTER TABLE sky.galaxy ADD CHECK (id > public.trap(0) - 1)", INSERT),
    "default": ("ALTER TABLE sky.galaxy ADD more int DEFAULT public.trap(1)", INSERT),
    "generated": (
        "ALTER TABLE sky.galaxy ADD again int GENERATED ALWAYS AS (id + public.trap(1)) STORED",
        INSERT,
    ),
    "domain": (
        """CREATE DOMAIN public.d AS int CHECK (VALUE > public.trap(0) - 1);
           ALTER TABLE sky.galaxy ADD dear public.d DEFAULT 1""",
        INSERT,
    ),
    "trigger": (
        """CREATE TRIGGER t BEFORE DELETE ON sky.galaxy FOR EACH STATEMENT EXECUTE FUNCTION public.trap3()""",
        "DELETE FROM sky.galaxy",
    ),
    "policy": (
        """ALTER TABLE sky.galaxy ENABLE ROW LEVEL SECURITY; ALTER TABLE sky.galaxy FORCE ROW LEVEL SECURITY;
           CREATE POLICY p ON sky.galaxy USING (public.trap(1) = 1)""",
        "SET ROLE maker; EXPLAIN SELECT * FROM sky.galaxy",
    ),
    "rule": ("CREATE RULE r AS ON DELETE TO sky.galaxy DO ALSO SELECT public.trap(1)", DELETE),
    "view in place of a table": (
        """DROP TABLE "Üni's ""s"."t;""'"; CREATE VIEW "Üni's ""s"."t;""'" AS SELECT public.trap(1) AS id;
           ALTER VIEW "Üni's ""s"."t;""'" OWNER TO maker""",
        """TABLE "Üni's ""s"."t;""'" """,
    ),
    "view in place of a sequence": (
        """DROP SEQUENCE sky.ticket; CREATE VIEW sky.ticket AS SELECT public.trap(1) AS last_value""",
        "SELECT last_value FROM sky.ticket",
    ),
    "partition": (
        """DROP VIEW sky.bright; CREATE TABLE sky.bright (id int) PARTITION BY RANGE ((id + public.trap(1)));
           CREATE TABLE sky.part PARTITION OF sky.bright FOR VALUES FROM (0) TO (9)""",
        "INSERT INTO sky.bright VALUES (1)",
    ),
}
EVENT = """
CREATE FUNCTION public.trap5() RETURNS event_trigger LANGUAGE plpgsql
    AS $$BEGIN PERFORM nextval('public.calls'); END$$;
ALTER FUNCTION public.trap5() OWNER TO maker;
CREATE EVENT TRIGGER trapped ON ddl_command_start EXECUTE FUNCTION public.trap5();
"""


@pytest.fixture(params=[14, 16, 18])
def trapped(request: pytest.FixtureRequest, load: Callable[[str, int], Target]) -> Iterator[World]:
    server: Cluster = request.getfixturevalue(f"server{request.param}")
    target = load(SPEC, request.param)
    try:
        world = make(target, server, OBJECTS, "shop")
        world.run(TRAP)
        yield world
    finally:
        clear(server, target)


def calls(world: World, text: str = "") -> int:
    """How often a trap ran since this was last asked, and by what is run now and rolled back."""
    connection = world.server.open("shop")
    try:
        if text:
            with contextlib.suppress(psycopg.Error):
                connection.execute(f"BEGIN; {text}".encode())
            connection.execute("ROLLBACK; RESET ROLE")
        query = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.calls"
        return int(connection.execute(query).fetchone()[0])  # type: ignore[arg-type, index]
    finally:
        connection.execute("SELECT pg_catalog.setval('public.calls', 1, false)")
        connection.close()


def test_nothing_that_others_define_is_run(trapped: World) -> None:
    for place, (text, spring) in PLACES.items():
        before = calls(trapped, spring)
        trapped.run(text)
        calls(trapped)
        assert calls(trapped, spring) > before, f"{place} is no trap"
    found = trapped.probe()
    assert calls(trapped) == 0
    # what can be asked is asked all the same
    assert found["grant[shop: SELECT, INSERT on table sky.galaxy to app].works"].verdict is Verdict.CONFORMS
    trapped.run("REVOKE SELECT ON sky.galaxy FROM app; GRANT DELETE ON sky.galaxy TO app")
    assert {
        "grant[shop: SELECT, INSERT on table sky.galaxy to app].works",
        "grant[shop: SELECT, INSERT on table sky.galaxy to app].stops_there",
    } <= trapped.drifts()
    assert calls(trapped) == 0


@pytest.mark.parametrize("enabled", ["ENABLE", "ENABLE REPLICA", "ENABLE ALWAYS"])
def test_no_event_trigger_is_run(trapped: World, enabled: str) -> None:
    trapped.run(EVENT)
    trapped.run(f"ALTER EVENT TRIGGER trapped {enabled}")
    assert bool(calls(trapped, "CREATE TYPE public.sprung AS ENUM ()")) is (enabled != "ENABLE REPLICA")
    try:
        found = trapped.probe()
        assert calls(trapped) == 0
    finally:
        trapped.run("DROP EVENT TRIGGER trapped")
    made = found["default_privilege[shop: maker in schema sky: SELECT on tables to dump].reaches"]
    create = found["grant[shop: CREATE on schema sky to app].works"]
    if enabled == "ENABLE" or trapped.target.spec.postgres >= 17:
        assert made.verdict is Verdict.CONFORMS
        assert create.desired == "works (asked of has_schema_privilege(), tried as app)"
    else:
        assert made.verdict is Verdict.INAPPLICABLE
        assert made.reason == (
            "event trigger trapped would run in our session, and postgres cannot switch it off"
        )
        assert "event trigger trapped would run in our session" in create.desired
    assert create.verdict is Verdict.CONFORMS


def test_no_statement_plans_an_object_of_others(trapped: World) -> None:
    """However others time their changes: what is never planned cannot be changed between a look and its use."""
    trapped.run("ALTER SYSTEM SET log_statement = 'all'", None)
    trapped.run("SELECT pg_reload_conf()", None)
    before = trapped.server.log.stat().st_size
    try:
        trapped.probe()
    finally:
        trapped.run("ALTER SYSTEM RESET ALL", None)
        trapped.run("SELECT pg_reload_conf()", None)
    with trapped.server.log.open(errors="replace") as log:
        log.seek(before)
        sent = [
            line.partition("execute <unnamed>: ")[2].strip() for line in log if "execute <unnamed>" in line
        ]
    about = [one for one in sent if '"sky"' in one or "Üni" in one]
    allowed = ("LOCK TABLE ONLY ", "CREATE ", "SELECT pg_catalog.to_regclass(")
    assert [one for one in about if not one.startswith(allowed)] == []
    assert [one for one in about if one.startswith("CREATE ") and THROWAWAY not in one] == []
    assert [one for one in about if one.startswith("LOCK TABLE ")]
    assert not [one for one in sent if one.startswith(("EXPLAIN", "COPY", "TABLE"))]
