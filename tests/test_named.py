"""Publications, event triggers, foreign servers and tablespaces: with whose rights, in copies, and in one read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.core.step import Risk
from pgdeploy.errors import SpecError
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.server import Server
from pgdeploy.report.plan import permitted
from tests import by_hand
from tests.by_hand import planned, run
from tests.diff import diff

SPEC = """
postgres: $major
undeclared: {roles: ignore, databases: ignore, attributes: ignore}
roles:
  named_owner: {}
databases:
  named_shop:
    owner: named_owner
    publications:
      orders: {owner: named_owner}
      old: {state: absent}
    event_triggers:
      watch: {enabled: true}
    foreign_servers:
      far: {state: absent}
"""
_GRANT = "{grant: [CREATE], on: {tablespace: fast}, to: [named_owner]}"
COPY = "  named_copy: {from_template: named_shop, publications: {orders: {}}}\n"


@pytest.fixture(params=[14, 16, 18])
def server(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    server: Cluster = request.getfixturevalue(f"server{request.param}")
    run(server, "CREATE ROLE named_owner", "CREATE DATABASE named_shop OWNER named_owner")
    run(
        server,
        "SET client_min_messages = error",
        "CREATE PUBLICATION orders",
        "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE EVENT TRIGGER watch ON sql_drop WHEN TAG IN ('DROP AGGREGATE') EXECUTE FUNCTION watch()",
        database="named_shop",
    )
    try:
        yield server
    finally:
        for database in ("named_copy", "named_shop"):
            run(server, f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        for role in ("named_owner", "named_deployer", "named_other"):
            run(server, f"DROP ROLE IF EXISTS {role}")


def load(server: Cluster, folder: Path, more: str = "") -> Target:
    return by_hand.load(server, folder / "named.yaml", SPEC + more)


def drifts(target: Target, server: Server) -> list[str]:
    return [f.check.id for f in diff(target.checks, target.read(server)) if f.verdict is Verdict.DRIFTS]


def test_an_owner_is_changed_with_the_rights_of_both(server: Cluster, tmp_path: Path) -> None:
    target = load(server, tmp_path)
    run(server, "CREATE ROLE named_other", "CREATE ROLE named_deployer LOGIN CREATEROLE PASSWORD 'known'")
    run(
        server,
        "ALTER PUBLICATION orders OWNER TO named_other",
        "GRANT CREATE ON DATABASE named_shop TO named_other",
        database="named_shop",
    )
    if target.spec.postgres >= 16:
        run(server, "GRANT named_owner, named_other TO named_deployer WITH ADMIN OPTION, SET FALSE")
    by_deployer = DsnServer(f"{server.dsn} user=named_deployer password=known")
    [change] = [
        change
        for change in planned(target, by_deployer).changes
        if any(cause.startswith("publication") for cause in change.causes)
    ]
    assert change.borrows
    apply(planned(target, by_deployer).only(lambda one: one.causes == change.causes), by_deployer)
    assert "publication[named_shop: orders].owner" not in drifts(target, server)


def test_who_is_no_superuser_has_no_rights_of_one(server: Cluster, tmp_path: Path) -> None:
    target = load(server, tmp_path)
    run(
        server, "CREATE ROLE named_deployer LOGIN CREATEROLE PASSWORD 'known'",
    )  # fmt: skip
    run(server, "ALTER EVENT TRIGGER watch DISABLE", database="named_shop")
    by_deployer = DsnServer(f"{server.dsn} user=named_deployer password=known")
    stuck = {finding.check.id: finding.remedy.text for finding in planned(target, by_deployer).stuck}
    assert "it needs membership in postgres" in stuck["event_trigger[named_shop: watch].enabled"]
    # before 16 CREATEROLE is enough for the new owner, not for the one before
    lacking = "postgres" if target.spec.postgres < 16 else "named_owner"
    assert f"it needs membership in {lacking}" in stuck["publication[named_shop: orders].owner"]


def test_an_event_trigger_that_runs_what_a_tenant_writes_is_not_switched_on(
    server: Cluster, tmp_path: Path
) -> None:
    """Whoever may replace its function would have the rights of everybody that makes something there."""
    target = load(server, tmp_path)
    check = "event_trigger[named_shop: watch].enabled"
    run(server, "ALTER EVENT TRIGGER watch DISABLE", database="named_shop")
    for owner, switched_on in (("named_owner", False), ("postgres", True)):
        run(server, f"ALTER FUNCTION watch() OWNER TO {owner}", database="named_shop")
        made = planned(target, server)
        stuck = {finding.check.id: finding.remedy.text for finding in made.stuck}
        assert any(check in change.causes for change in made.changes) is switched_on
        assert ("named_owner's, who is no superuser" in stuck.get(check, "")) is not switched_on


def test_what_is_to_be_absent_is_dropped_only_where_that_is_allowed(server: Cluster, tmp_path: Path) -> None:
    target = load(server, tmp_path)
    run(
        server,
        "SET client_min_messages = error",
        "CREATE PUBLICATION old",
        "CREATE FOREIGN DATA WRAPPER nowhere",
        "CREATE SERVER far FOREIGN DATA WRAPPER nowhere",
        database="named_shop",
    )
    made = planned(target, server)
    dropping = [change for change in made.changes if change.risk is Risk.DESTRUCTIVE]
    assert {change.statements[0].text for change in dropping} == {
        'DROP PUBLICATION "old"',
        'DROP SERVER "far"',
    }
    assert all(change.lost for change in dropping)
    apply(permitted(made, destructive=False, unreadable=False), server)
    assert sorted(drifts(target, server)) == [
        "foreign_server[named_shop: far].absent",
        "publication[named_shop: old].absent",
    ]
    apply(permitted(planned(target, server), destructive=True, unreadable=False), server)
    assert drifts(target, server) == []
    assert planned(target, server).changes == ()


def test_a_copy_has_what_its_template_has(server: Cluster, tmp_path: Path) -> None:
    target = load(server, tmp_path, COPY)
    run(server, "CREATE PUBLICATION old", database="named_shop")
    apply(planned(target, server), server)
    assert drifts(target, server) == []
    assert planned(target, server).changes == ()
    run(server, "ALTER EVENT TRIGGER watch DISABLE", "CREATE PUBLICATION old", database="named_copy")
    assert sorted(drifts(target, server)) == [
        "event_trigger[named_copy: watch].enabled",
        "publication[named_copy: old].absent",
    ]


def test_an_embedded_server_has_no_tablespaces(server: Cluster, tmp_path: Path) -> None:
    target = load(server, tmp_path, "tablespaces: {fast: {location: /srv/fast}, slow: {state: absent}}\n")
    checks = [check for check in target.checks if check.resource.kind == "tablespace"]
    embedded = {f.check.id: f.verdict for f in diff(checks, target.read(server))}
    assert embedded == {
        "tablespace[fast].exists": Verdict.INAPPLICABLE,
        "tablespace[fast].location": Verdict.INAPPLICABLE,
        "tablespace[slow].absent": Verdict.CONFORMS,
    }
    other = {f.check.id: f.verdict for f in diff(checks, target.read(DsnServer(server.dsn)))}
    assert other["tablespace[fast].exists"] is Verdict.DRIFTS
    assert other["tablespace[fast].location"] is Verdict.BLOCKED


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("      near: {state: absent, wrapper: x}", "wrapper: an absent object takes no other option"),
        ("      near: {owner: named_owner}", "owner: unknown key; allowed: state, wrapper"),
        ("    ownership: [{on: {foreign_server: far}, owner: named_owner}]", "far is declared absent"),
        ("tablespaces: {fast: {location: fast}}", "location: read \"fast\"; "),
        ("tablespaces: {fast: {owner: nobody}}", "role nobody is not declared"),
        ("tablespaces: {fast: {state: absent, owner: named_owner}}", "owner: an absent object takes no other option"),
        (
            f"tablespaces: {{fast: {{state: absent}}}}\ngrants: [{_GRANT}]",
            "tablespace fast is declared absent",
        ),
        ("tablespaces: {pg_default: {location: /srv}}", "pg_default is made by initdb; only its owner can be said"),
        ("  other: {event_triggers: {e: {owner: named_owner}}}", "to superusers only; named_owner is none"),
        ("  other: {event_triggers: {e: {enabled: often}}}", "'replica' or 'always'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(tmp_path: Path, more: str, message: str) -> None:
    file = tmp_path / "named.yaml"
    file.write_text(SPEC.replace("$major", "16") + f"{more}\n")
    with pytest.raises(SpecError, match=message):
        load_target(file)
