"""Each probe can fail: one thing is broken by hand, and exactly the probes that speak of it are red."""

from __future__ import annotations

import pytest

from pgdeploy.core.check import Verdict
from tests.probes.shop import World

CONNECT = "grant[shop: CONNECT on database to app, reader, dump]"
GALAXY = "grant[shop: SELECT, INSERT on table sky.galaxy to app]"
COLUMNS = 'grant[shop: SELECT on table sky.galaxy (id, "na\\"me") to readers]'
BRIGHT = "grant[shop: SELECT on table sky.bright to app, PUBLIC]"
ALL_TABLES = "grant[shop: SELECT on all tables in schema sky to dump]"
HOSTILE = '"Üni\'s \\"s"."t;\\"\'"'
BACKUP = "role[dump].reads_everything"

BY_HAND = {
    # logins
    "ALTER ROLE app PASSWORD 'other'": {"role[app].logs_in"},
    "ALTER ROLE app NOLOGIN": {"role[app].logs_in"},
    "ALTER ROLE ended VALID UNTIL 'infinity'": {"role[ended].logs_in"},
    "ALTER ROLE shut LOGIN": {"role[shut].cannot_log_in"},
    # what a line gives
    "REVOKE SELECT ON sky.galaxy FROM app": {f"{GALAXY}.works"},
    'REVOKE SELECT ("na""me") ON sky.galaxy FROM readers': {f"{COLUMNS}.works"},
    "REVOKE SELECT ON sky.star FROM dump": {f"{ALL_TABLES}.works", BACKUP},
    "REVOKE USAGE ON SEQUENCE sky.ticket FROM app": {
        "grant[shop: USAGE on sequence sky.ticket to app].works"
    },
    "REVOKE EXECUTE ON FUNCTION sky.area FROM app": {
        "grant[shop: EXECUTE on function sky.area(integer) to app].works"
    },
    "REVOKE SELECT ON sky.bright FROM PUBLIC": {f"{BRIGHT}.works"},
    "REVOKE TEMP ON DATABASE shop FROM app": {"grant[shop: TEMPORARY, CREATE on database to app].works"},
    "REVOKE CREATE ON SCHEMA sky FROM app": {"grant[shop: CREATE on schema sky to app].works"},
    'REVOKE GRANT OPTION FOR TRUNCATE ON sky.galaxy FROM "a""b; DROP"': {
        'grant[shop: ALL on table sky.galaxy to "a\\"b; DROP"].works'
    },
    'REVOKE UPDATE ON "Üni\'s ""s"."t;""\'" FROM "a""b; DROP"': {
        f'grant[shop: UPDATE on table {HOSTILE} to "a\\"b; DROP"].works'
    },
    "REVOKE CONNECT ON DATABASE shop FROM reader": {f"{CONNECT}.works", "role[reader].logs_in"},
    "REVOKE CONNECT ON DATABASE shop FROM dump": {f"{CONNECT}.works", "role[dump].logs_in", BACKUP},
    # what nothing gives
    "GRANT UPDATE ON sky.galaxy TO app": {f"{GALAXY}.stops_there"},
    "GRANT TRUNCATE ON sky.galaxy TO app": {f"{GALAXY}.stops_there"},
    "GRANT SELECT ON sky.galaxy TO app WITH GRANT OPTION": {f"{GALAXY}.stops_there"},
    "GRANT SELECT (mass) ON sky.galaxy TO readers": {f"{COLUMNS}.stops_there"},
    "GRANT INSERT ON sky.bright TO PUBLIC": {f"{BRIGHT}.stops_there", f"{ALL_TABLES}.stops_there"},
    "GRANT CREATE ON DATABASE shop TO reader": {f"{CONNECT}.stops_there"},
    "GRANT TEMP ON DATABASE shop TO PUBLIC": {
        f"{CONNECT}.stops_there",
        "grant[shop: ALL on database from PUBLIC].refused",
    },
    "GRANT UPDATE ON SEQUENCE sky.ticket TO app": {
        "grant[shop: USAGE on sequence sky.ticket to app].stops_there"
    },
    # what a line revokes
    "GRANT EXECUTE ON FUNCTION sky.area TO PUBLIC": {
        "grant[shop: EXECUTE on function sky.area(integer) from PUBLIC].refused",
    },
    # what is made from now on
    "ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA sky REVOKE SELECT ON TABLES FROM dump": {
        "default_privilege[shop: maker in schema sky: SELECT on tables to dump].reaches"
    },
    'ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA "Üni\'s ""s" REVOKE SELECT ON TABLES FROM PUBLIC': {
        'default_privilege[shop: maker in schema "Üni\'s \\"s": SELECT on tables to PUBLIC].reaches'
    },
    'ALTER DEFAULT PRIVILEGES FOR ROLE app REVOKE USAGE ON SEQUENCES FROM "a""b; DROP"': {
        'default_privilege[shop: maker, app: ALL on sequences to "a\\"b; DROP"].reaches'
    },
    "ALTER DEFAULT PRIVILEGES FOR ROLE maker GRANT EXECUTE ON FUNCTIONS TO PUBLIC": {
        "default_privilege[shop: maker: EXECUTE on functions from PUBLIC].refused"
    },
    "ALTER DEFAULT PRIVILEGES FOR ROLE maker REVOKE CREATE ON SCHEMAS FROM app": {
        "default_privilege[shop: maker: USAGE, CREATE on schemas to app].reaches"
    },
}


@pytest.mark.parametrize("text", BY_HAND)
def test_what_is_broken_by_hand_is_red(shop: World, text: str) -> None:
    with shop.broken(text):
        assert shop.drifts() == BY_HAND[text]
        assert shop.catalogue_drifts()


UNSEEN = {
    # the spec says nothing of an end, so no line of the catalogue does
    "ended": (
        "ALTER ROLE reader VALID UNTIL '2001-01-01'",
        "ALTER ROLE reader VALID UNTIL 'infinity'",
        {"role[reader].logs_in"},
    ),
    # the ACL still gives it, but nothing in the schema can be named any more
    "another_scope": (
        "REVOKE USAGE ON SCHEMA sky FROM app, PUBLIC",
        "",
        {f"{GALAXY}.works", f"{BRIGHT}.works", "grant[shop: USAGE on sequence sky.ticket to app].works"},
    ),
    # nobody granted app anything: it became a member of the owner
    "membership": ("GRANT maker TO app", "", {f"{GALAXY}.stops_there"}),
    # rows that a dump would not see
    "row_security": (
        "ALTER TABLE sky.star ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE sky.star DISABLE ROW LEVEL SECURITY",
        {BACKUP},
    ),
    # made by somebody for whom no default privileges are declared, where no line reaches
    "another_creator": (
        "CREATE SCHEMA later; CREATE TABLE later.t ()",
        "DROP SCHEMA later CASCADE",
        {BACKUP},
    ),
}


@pytest.mark.parametrize(("text", "undo", "red"), UNSEEN.values(), ids=UNSEEN)
def test_what_the_catalogue_checks_of_these_lines_do_not_see(
    shop: World, text: str, undo: str, red: set[str]
) -> None:
    with shop.broken(text, undo):
        assert red <= shop.drifts()
        own = {f"{address.rpartition('.')[0]}.granted" for address in red}
        assert not own & shop.catalogue_drifts()
    assert not shop.drifts()


def test_a_finding_says_who_what_and_why(shop: World) -> None:
    with shop.broken("REVOKE SELECT, INSERT ON sky.galaxy FROM app; GRANT TRIGGER ON sky.galaxy TO app"):
        found = shop.probe()
    works, stops = found[f"{GALAXY}.works"], found[f"{GALAXY}.stops_there"]
    assert works.actual == "INSERT, SELECT on table sky.galaxy for app (permission denied for table galaxy)"
    assert works.desired == "works (asked of has_table_privilege(), tried as app)"
    assert stops.actual == "allowed: TRIGGER on table sky.galaxy for app"


def test_a_check_says_that_it_was_only_asked(shop: World) -> None:
    found = shop.probe()
    why = "not tried: that would run what others define or leave traces"
    function = found["grant[shop: EXECUTE on function sky.area(integer) to app].works"]
    assert function.desired == f"works (asked of has_function_privilege(), {why})"
    assert why in found[f"{COLUMNS}.works"].desired
    assert why in found[f"{BRIGHT}.works"].desired


def test_a_superuser_is_named_and_not_asked(shop: World) -> None:
    with shop.broken("ALTER ROLE app SUPERUSER"):
        found = shop.probe()
    assert found[f"{GALAXY}.stops_there"].verdict is Verdict.INAPPLICABLE
    assert found[f"{GALAXY}.stops_there"].reason == "app: a superuser is refused nothing"
    assert found[f"{CONNECT}.stops_there"].verdict is Verdict.CONFORMS
    assert "app" in found[f"{CONNECT}.stops_there"].note


@pytest.mark.parametrize(
    ("text", "undo", "address", "reason"),
    [
        (
            "ALTER ROLE app RENAME TO other",
            "ALTER ROLE other RENAME TO app",
            "role[app].logs_in",
            "role app does not exist",
        ),
        (
            "ALTER TABLE sky.galaxy RENAME TO g",
            "ALTER TABLE sky.g RENAME TO galaxy",
            f"{GALAXY}.works",
            "sky.galaxy does not",
        ),
        (
            'ALTER TABLE sky.galaxy RENAME "na""me" TO n',
            'ALTER TABLE sky.galaxy RENAME n TO "na""me"',
            f"{COLUMNS}.works",
            "does not exist",
        ),
        (
            "ALTER SCHEMA sky RENAME TO s",
            "ALTER SCHEMA s RENAME TO sky",
            f"{ALL_TABLES}.works",
            "schema sky does not",
        ),
    ],
)
def test_without_its_parent_a_probe_is_blocked(
    shop: World, text: str, undo: str, address: str, reason: str
) -> None:
    with shop.broken(text, undo):
        found = shop.probe()[address]
    assert found.verdict is Verdict.BLOCKED
    assert reason in found.reason


def test_of_a_schema_without_tables_nothing_is_claimed(shop: World) -> None:
    moves = "ALTER TABLE sky.{0} SET SCHEMA public", "ALTER TABLE public.{0} SET SCHEMA sky"
    there, back = ("; ".join(move.format(table) for table in ("galaxy", "star", "bright")) for move in moves)
    with shop.broken(there, back):
        found = shop.probe()[f"{ALL_TABLES}.works"]
    assert found.verdict is Verdict.INAPPLICABLE
    assert found.reason == "nothing to try it on: no tables in schema sky"
