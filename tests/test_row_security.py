"""Row level security by a plan: with whose rights, in copies, and what a spec cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.errors import SpecError
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.server import Server
from tests import by_hand
from tests.by_hand import planned, run
from tests.diff import diff

SPEC = """
postgres: $major
undeclared: {roles: ignore, databases: ignore}
roles:
  rls_owner: {}
databases:
  rls_shop:
    owner: rls_owner
    row_security:
      - {on: {schema: public, table: orders}, forced: true}
"""
COPY = "  rls_copy: {from_template: rls_shop}\n"


@pytest.fixture(params=[14, 16, 18])
def server(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    server: Cluster = request.getfixturevalue(f"server{request.param}")
    run(server, "CREATE ROLE rls_owner", "CREATE DATABASE rls_shop OWNER rls_owner")
    run(
        server,
        "CREATE TABLE orders (id int)",
        "ALTER TABLE orders OWNER TO rls_owner",
        database="rls_shop",
    )
    try:
        yield server
    finally:
        run(server, "DROP DATABASE IF EXISTS rls_copy WITH (FORCE)", "DROP DATABASE rls_shop WITH (FORCE)")
        for role in ("rls_owner", "rls_deployer"):
            run(server, f"DROP ROLE IF EXISTS {role}")


def load(server: Cluster, folder: Path, more: str = "") -> Target:
    return by_hand.load(server, folder / "rls.yaml", SPEC + more)


def red(target: Target, server: Server) -> list[str]:
    checks = [check for check in target.checks if check.resource.kind == "row_security"]
    assert checks
    return [f.check.id for f in diff(checks, target.read(server)) if f.verdict is not Verdict.CONFORMS]


def test_of_another_it_is_switched_on_with_the_rights_of_its_owner(server: Cluster, tmp_path: Path) -> None:
    target = load(server, tmp_path)
    run(server, "CREATE ROLE rls_deployer LOGIN CREATEROLE PASSWORD 'known'")
    by_deployer = DsnServer(f"{server.dsn} user=rls_deployer password=known")
    if target.spec.postgres >= 16:
        stuck = {finding.check.field: finding.remedy.text for finding in planned(target, by_deployer).stuck}
        assert "needs membership in rls_owner" in stuck["enabled"]
        assert "needs membership in rls_owner" in stuck["forced"]
        run(server, "GRANT rls_owner TO rls_deployer WITH ADMIN OPTION, INHERIT FALSE, SET FALSE")
    [change] = planned(target, by_deployer).changes
    assert change.borrows
    apply(planned(target, by_deployer), by_deployer)
    assert red(target, server) == []
    assert planned(target, by_deployer).changes == ()


def test_a_plan_says_who_sees_rows_from_then_on(server: Cluster, tmp_path: Path) -> None:
    [change] = planned(load(server, tmp_path), server).changes
    assert "only its owner, superusers and roles with BYPASSRLS see its rows" in change.notes[0]
    run(
        server,
        "CREATE POLICY own ON orders USING (true)",
        "ALTER TABLE orders FORCE ROW LEVEL SECURITY",
        database="rls_shop",
    )
    [change] = planned(load(server, tmp_path), server).changes
    assert change.notes == ()
    run(server, "ALTER TABLE orders ENABLE ROW LEVEL SECURITY", database="rls_shop")
    opened = load(server, tmp_path, "      - {on: {schema: public, table: other}}\n")
    opened.file.write_text(opened.file.read_text().replace("forced: true", "enabled: false"))
    [change] = planned(load_target(opened.file), server).changes
    assert change.notes == ("everybody who may read the table sees all its rows from then on",)


def test_a_copy_has_what_its_template_has(server: Cluster, tmp_path: Path) -> None:
    target = load(server, tmp_path, COPY)
    apply(planned(target, server), server)
    assert planned(target, server).changes == ()
    run(server, "ALTER TABLE orders DISABLE ROW LEVEL SECURITY", database="rls_copy")
    assert red(target, server) == ["row_security[rls_copy: table public.orders].enabled"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{on: {schema: public, table: orders}}", "rls.yaml:11:9: .*another line speaks of table public.orders"),
        ("{on: {schema: public}}", "row level security is of tables; read schema public; allowed: {schema: NAME, "),
        ("{on: {schema: public, table: a, columns: [b]}}", "row level security is of tables; read table public.a"),
        ("{on: {schema: nowhere, table: a}}", "schema nowhere is not declared"),
        ("{on: {schema: public, table: a}, policies: own}", 'policies: read "own"; allowed: a list'),
    ],
)  # fmt: skip
def test_what_no_table_can_have_is_refused(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "rls.yaml"
    file.write_text(SPEC.replace("$major", "16") + f"      - {line}\n")
    with pytest.raises(SpecError, match=message):
        load_target(file)
