"""What a plan takes away is counted, and more of it than the spec itself names needs --allow-destructive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pgdeploy.cli import app
from pgdeploy.core.step import Risk
from pgdeploy.gate.target import load_target
from pgdeploy.layers.server.change import TakenAway
from pgdeploy.layers.server.plan import Plan
from pgdeploy.reach.embedded import Cluster
from tests.by_hand import planned, run

SPEC = """\
postgres: {major}
undeclared: {{roles: {roles}, databases: ignore, attributes: ignore}}
roles:
  taken_app: {{}}
  taken_group: {{}}
databases:
  taken_db:
    schemas: {{s: {{}}}}
    grants:
      - {{grant: [USAGE], on: {{schema: s}}, to: [taken_app]}}
      - {{grant: [SELECT], on: {{schema: s, table: kept}}, to: [taken_app]}}
      - {{revoke: [TRIGGER], on: {{schema: s, table: kept}}, from: [taken_app]}}
"""
BASE = (
    "CREATE SCHEMA s; CREATE TABLE s.kept (); CREATE TABLE s.other ()",
    "GRANT USAGE ON SCHEMA s TO taken_app; GRANT SELECT ON s.kept TO taken_app",
)


@dataclass
class Site:
    cluster: Cluster
    file: Path

    def run(self, *texts: str, at: str = "taken_db") -> None:
        run(self.cluster, *texts, database=at)

    def plan(self) -> Plan:
        target = load_target(self.file)
        return planned(target, self.cluster)

    def command(self, *words: str) -> tuple[int, str]:
        found = CliRunner().invoke(app, [*words[:1], str(self.file), "--dsn", self.cluster.dsn, *words[1:]])
        return found.exit_code, found.stdout


@pytest.fixture(params=[14, 18])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    file = tmp_path / "taken.yaml"
    file.write_text(SPEC.format(major=request.param, roles="ignore"))
    made = Site(request.getfixturevalue(f"server{request.param}"), file)
    made.run("CREATE ROLE taken_app", "CREATE ROLE taken_group", "CREATE DATABASE taken_db", at="postgres")
    made.run(*BASE)
    try:
        yield made
    finally:
        made.run("DROP DATABASE taken_db WITH (FORCE)", at="postgres")
        made.run("DROP ROLE IF EXISTS taken_app, taken_group, taken_stray", at="postgres")


def risks(planned: Plan) -> list[Risk]:
    return [change.risk for change in planned.changes]


def test_a_plan_that_takes_nothing_counts_nothing(site: Site) -> None:
    site.run("REVOKE SELECT ON s.kept FROM taken_app")
    code, said = site.command("plan")
    assert (code, "takes away" in said) == (2, False)
    assert json.loads(site.command("plan", "--json")[1])["takes_away"] == TakenAway()._asdict()


def test_all_that_goes_is_counted(site: Site) -> None:
    site.run(
        "CREATE ROLE taken_stray",
        "GRANT taken_group TO taken_app",
        "GRANT SELECT, INSERT ON s.other TO taken_app",
        "GRANT TRIGGER ON s.kept TO taken_app",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO taken_app",
    )
    site.file.write_text(site.file.read_text().replace("roles: ignore", "roles: drift"))
    planned = site.plan()
    others = planned.taken.roles - 1  # roles of other tests may be there
    assert planned.taken._replace(roles=1) == TakenAway(3, 1, 1, 1)
    assert others >= 0
    said = site.command("plan")[1].splitlines()
    assert said[-2].startswith("-- takes away: 3 privileges, 1 default privilege, 1 membership, ")
    data: dict[str, Any] = json.loads(site.command("plan", "--json")[1])
    assert data["takes_away"] == planned.taken._asdict()
    assert [change["takes_away"] for change in data["changes"]] == [
        change.taken._asdict() for change in planned.changes
    ]


def test_as_many_as_the_spec_names_go_without_a_word(site: Site) -> None:
    site.run("GRANT SELECT, INSERT, UPDATE ON s.other TO taken_app")
    assert risks(site.plan()) == [Risk.SAFE]
    assert site.command("apply", "--yes", "--no-gate")[0] == 0
    assert site.plan().changes == ()


def test_what_a_line_takes_away_is_the_specs_own_word(site: Site) -> None:
    site.file.write_text(
        site.file.read_text().replace("revoke: [TRIGGER]", "revoke: [TRIGGER, INSERT, UPDATE]")
    )
    site.run("GRANT TRIGGER, INSERT, UPDATE ON s.kept TO taken_app")
    assert (site.plan().taken.privileges, risks(site.plan())) == (3, [Risk.SAFE])


def test_more_than_the_spec_names_needs_the_flag(site: Site) -> None:
    site.run(
        "GRANT SELECT, INSERT, UPDATE ON s.other TO taken_app",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO taken_app",
        "GRANT TRIGGER ON s.kept TO taken_app",
    )
    why = (
        "privileges (this plan takes away 4 that no line says, and the spec names 3: see whether it says all that "
        "is to stay)"
    )
    code, said = site.command("plan")
    assert code == 2
    assert f"DESTRUCTIVE, loses 3 {why}." in said
    assert f"DESTRUCTIVE, loses 1 {why}." in said
    code, said = site.command("apply", "--yes", "--no-gate")
    assert code != 0
    assert f"destructive, loses 3 {why}: give --allow-destructive" in said
    # what a line says itself is done all the same
    assert 'REVOKE TRIGGER ON TABLE "s"."kept"' in said
    assert site.plan().taken == TakenAway(3, 1)
    assert site.command("apply", "--yes", "--no-gate", "--allow-destructive")[0] == 0
    assert site.plan().changes == ()
