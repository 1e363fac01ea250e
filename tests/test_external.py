"""Roles that others keep: they must be there, anything may name them, and no statement of ours touches them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.errors import SpecError
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import Plan
from pgdeploy.reach.embedded import Cluster
from tests.by_hand import planned, run

SPEC = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
roles:
  external_keeper: {{state: external}}
  external_boss: {{state: external, member_of: [external_app]}}
  external_app: {{login: true, member_of: [external_keeper]}}
  external_group: {{}}
databases:
  external_db:
    schemas: {{s: {{owner: external_keeper}}}}
    ownership: [{{on: {{schema: s, all: tables}}, owner: external_keeper}}]
    grants:
      - {{grant: [CONNECT], on: database, to: [external_keeper, external_app]}}
      - {{grant: [USAGE], on: {{schema: s}}, to: [external_app, external_boss]}}
    default_privileges:
      - {{for: external_keeper, in_schema: s, grant: [SELECT], on: tables, to: [external_app]}}
"""


@dataclass
class Site:
    cluster: Cluster
    target: Target

    def run(self, *texts: str, at: str = "postgres") -> None:
        run(self.cluster, *texts, database=at)

    def plan(self) -> Plan:
        return planned(self.target, self.cluster)

    def findings(self) -> dict[str, Finding]:
        facts = self.target.read(self.cluster)
        return {check.id: evaluate(check, facts) for check in (*self.target.checks, *self.target.probes)}


@pytest.fixture(params=[14, 16, 18])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    file = tmp_path / "external.yaml"
    file.write_text(SPEC.format(major=request.param))
    cluster: Cluster = request.getfixturevalue(f"server{request.param}")
    made = Site(cluster, load_target(file))
    try:
        yield made
    finally:
        made.run("DROP DATABASE IF EXISTS external_db WITH (FORCE)")
        made.run("DROP ROLE IF EXISTS external_keeper, external_boss, external_app, external_group")


def texts(planned: Plan) -> str:
    return "\n".join(statement.text for change in planned.changes for statement in change.statements)


def stuck(planned: Plan) -> dict[str, str]:
    return {finding.check.id: finding.remedy.text for finding in planned.stuck}


def test_what_names_an_absent_one_waits_and_the_rest_is_made(site: Site) -> None:
    planned = site.plan()
    why = "role external_keeper does not exist; it is `state: external`: who keeps it must make it"
    found = stuck(planned)
    assert found["role[external_keeper].exists"] == "it is `state: external`: who keeps it must make it"
    assert found["schema[external_db: s].exists"] == why
    assert found["grant[external_db: CONNECT on database to external_keeper, external_app].granted"] == why
    assert found["membership[external_app in external_keeper].granted"].startswith(
        "role external_keeper does not exist"
    )
    assert "external_keeper" not in texts(planned)
    assert "external_boss" not in texts(planned)
    assert 'CREATE ROLE "external_app"' in texts(planned)
    apply(planned, site.cluster)
    assert site.plan().changes == ()


def test_one_that_is_there_is_named_everywhere_and_never_touched(site: Site) -> None:
    site.run(
        "CREATE ROLE external_keeper CREATEDB CONNECTION LIMIT 1", "CREATE ROLE external_boss CREATEROLE"
    )
    planned = site.plan()
    apply(planned, site.cluster)
    made = texts(planned)
    assert 'GRANT "external_keeper" TO "external_app"' in made
    assert 'CREATE SCHEMA "s" AUTHORIZATION "external_keeper"' in made
    for role in ("external_keeper", "external_boss"):
        assert not any(f'{verb} ROLE "{role}"' in made for verb in ("CREATE", "ALTER", "DROP"))
        assert f'TO "{role}"' not in "\n".join(line for line in made.split("\n") if " ON " not in line)
    assert stuck(site.plan()) == {
        "membership[external_boss in external_app].granted": (
            "external_boss is `state: external`: who keeps it changes its memberships"
        )
    }
    site.run("GRANT external_app TO external_boss")
    after = site.plan()
    assert (after.changes, after.stuck) == ((), ())
    findings = site.findings()
    wrong = {
        known: (f.verdict, f.actual, f.reason)
        for known, f in findings.items()
        if f.verdict not in (Verdict.CONFORMS, Verdict.INAPPLICABLE)
    }
    assert wrong == {}


def test_a_member_that_others_keep_is_reported_and_stays(site: Site) -> None:
    site.run("CREATE ROLE external_keeper", "CREATE ROLE external_boss")
    apply(site.plan(), site.cluster)
    site.run("GRANT external_app, external_group TO external_boss")
    assert site.plan().changes == ()
    found = site.findings()["membership[external_group].undeclared"]
    assert (found.verdict, found.note) == (
        Verdict.CONFORMS,
        "left alone, as the member is external: external_boss in external_group",
    )


def test_its_grants_on_what_the_spec_names_are_exact(site: Site) -> None:
    site.run("CREATE ROLE external_keeper", "CREATE ROLE external_boss")
    apply(site.plan(), site.cluster)
    site.run("GRANT external_app TO external_boss")
    site.run("GRANT CREATE ON SCHEMA s TO external_boss", at="external_db")
    red = {known for known, finding in site.findings().items() if finding.verdict is Verdict.DRIFTS}
    assert red == {"grant[external_db].undeclared"}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ("password: {env: SECRET}", "password"),
        ("createdb: false", "createdb"),
        ("settings: {work_mem: 8MB}", "settings"),
        ("reassign_owned_to: app", "reassign_owned_to"),
        ("purpose: backup", "purpose"),
    ],
)
def test_more_said_of_it_is_an_error(said: str, field: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(f"postgres: 16\nroles:\n  app: {{}}\n  keeper:\n    state: external\n    {said}\n")
    with pytest.raises(SpecError) as refused:
        load_target(file)
    (line,) = refused.value.problems
    assert line.startswith(f"{file}:6:")
    assert line.endswith(
        f" roles.keeper.{field}: {field}: an external role is somebody else's, and pgdeploy changes nothing of it; "
        "allowed: `member_of:`, which is compared only"
    )
