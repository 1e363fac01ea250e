"""`undeclared:` of a role, a database or a schema: what the spec does not name there stays, and the gate says so."""

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
undeclared: {{roles: ignore, databases: ignore, attributes: ignore}}
roles:
  loose_app: {{undeclared: {{{app}}}}}
  loose_other: {{}}
  loose_group: {{undeclared: {{{group}}}}}
  loose_boss: {{superuser: true}}
databases:
  loose_tpl:
    is_template: true
    undeclared: {{{tpl}}}
    schemas: {{old: {{undeclared: {{{old}}}}}}}
  loose_db:
    from_template: loose_tpl
    undeclared: {{{db}}}
    schemas: {{s: {{undeclared: {{{schema}}}}}}}
    grants:
      - {{grant: [USAGE], on: {{schema: s}}, to: [loose_app, loose_other]}}
      - {{grant: [SELECT], on: {{schema: s, all: tables}}, to: [loose_app, loose_other]}}
      - {{revoke: [TRUNCATE], on: {{schema: s, all: tables}}, from: [loose_app]}}
    default_privileges:
      - {{for: loose_boss, in_schema: s, grant: [SELECT], on: tables, to: [loose_app]}}
"""
GRANTS, DEFAULTS = "grant[loose_db].undeclared", "default_privilege[loose_db].undeclared"
EXTRA = {
    "s to loose_app": "GRANT INSERT ON s.t TO loose_app",
    "s to loose_other": "GRANT INSERT ON s.t TO loose_other",
    "s to PUBLIC": "GRANT USAGE ON SCHEMA s TO PUBLIC",
    "elsewhere to loose_app": "GRANT SELECT ON elsewhere.t TO loose_app",
    "elsewhere to loose_other": "GRANT SELECT ON elsewhere.t TO loose_other",
    "database to loose_other": "GRANT TEMPORARY ON DATABASE loose_db TO loose_other",
    "old to loose_other": "GRANT SELECT ON old.t TO loose_other",
}


@dataclass
class Site:
    cluster: Cluster
    major: int
    folder: Path

    def run(self, *texts: str, at: str = "loose_db") -> None:
        run(self.cluster, *texts, database=at)

    def load(self, **said: str) -> Target:
        words = dict.fromkeys(("app", "group", "tpl", "old", "db", "schema"), "") | said
        file = self.folder / "loose.yaml"
        file.write_text(SPEC.format(major=self.major, **words))
        return load_target(file)

    def plan(self, target: Target) -> Plan:
        return planned(target, self.cluster)

    def gate(self, target: Target) -> dict[str, Finding]:
        facts = target.read(self.cluster)
        return {check.id: evaluate(check, facts) for check in (*target.checks, *target.probes)}


def red(findings: dict[str, Finding]) -> set[str]:
    return {known for known, finding in findings.items() if finding.verdict is Verdict.DRIFTS}


@pytest.fixture(params=[14, 18])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    made = Site(request.getfixturevalue(f"server{request.param}"), request.param, tmp_path)
    try:
        apply(made.plan(made.load()), made.cluster)
        made.run(
            "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.t (); CREATE TABLE s.t (); CREATE TABLE old.t ()"
        )
        apply(made.plan(made.load()), made.cluster)
        yield made
    finally:
        made.run("ALTER DATABASE loose_tpl IS_TEMPLATE false", at="postgres")
        made.run("DROP DATABASE loose_db WITH (FORCE)", at="postgres")
        made.run("DROP DATABASE loose_tpl WITH (FORCE)", at="postgres")
        made.run("DROP ROLE loose_app, loose_other, loose_group, loose_boss", at="postgres")


@pytest.mark.parametrize("where", EXTRA)
def test_without_a_word_each_is_drift(site: Site, where: str) -> None:
    site.run(EXTRA[where])
    assert GRANTS in red(site.gate(site.load()))
    assert site.plan(site.load()).taken.privileges == 1


SCOPES = [
    ({"app": "grants: ignore"}, {"s to loose_app", "elsewhere to loose_app"}, "role loose_app"),
    (
        {"schema": "grants: ignore"},
        {"s to loose_app", "s to loose_other", "s to PUBLIC"},
        "schema s",
    ),
    ({"old": "grants: ignore"}, {"old to loose_other"}, "schema old"),
]


@pytest.mark.parametrize(("said", "covered", "note"), SCOPES, ids=[note for *_, note in SCOPES])
def test_privileges_are_left_alone_there_and_nowhere_else(
    site: Site, said: dict[str, str], covered: set[str], note: str
) -> None:
    target = site.load(**said)
    site.run(*(EXTRA[where] for where in covered))
    found = site.gate(target)
    assert red(found) == set()
    assert found[GRANTS].verdict is Verdict.CONFORMS
    assert found[GRANTS].note == f"not looked at beyond the spec: privileges of {note}"
    assert site.plan(target).changes == ()
    site.run(*(EXTRA[where] for where in EXTRA.keys() - covered))
    planned = site.plan(target)
    assert GRANTS in red(site.gate(target))
    assert planned.taken.privileges == len(EXTRA) - len(covered)
    apply(planned, site.cluster)
    assert (site.plan(target).changes, red(site.gate(target))) == ((), set())
    # what was left alone is there still
    apply_all = site.plan(site.load())
    assert apply_all.taken.privileges == len(covered)


@pytest.mark.parametrize("said", [{"db": "grants: ignore"}, {"tpl": "grants: ignore"}])
def test_a_whole_database_is_not_looked_at_and_the_gate_says_so(site: Site, said: dict[str, str]) -> None:
    target = site.load(**said)
    site.run(*EXTRA.values())
    found = site.gate(target)
    assert red(found) == set()
    assert (found[GRANTS].verdict, found[GRANTS].reason) == (
        Verdict.INAPPLICABLE,
        "not looked at beyond the spec: privileges of this database",
    )
    assert site.plan(target).changes == ()


def test_the_nearest_word_counts(site: Site) -> None:
    site.run(EXTRA["s to loose_other"])
    assert GRANTS in red(site.gate(site.load(tpl="grants: ignore", db="grants: drift")))


def test_what_the_spec_names_is_compared_all_the_same(site: Site) -> None:
    target = site.load(db="grants: ignore", app="grants: ignore")
    site.run("REVOKE SELECT ON s.t FROM loose_app", "GRANT TRUNCATE ON s.t TO loose_app")
    wrong = red(site.gate(target))
    assert "grant[loose_db: SELECT on all tables in schema s to loose_app, loose_other].granted" in wrong
    assert "grant[loose_db: TRUNCATE on all tables in schema s from loose_app].revoked" in wrong
    apply(site.plan(target), site.cluster)
    assert red(site.gate(target)) == set()


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ({"app": "default_privileges: ignore"}, "role loose_app"),
        ({"schema": "default_privileges: ignore"}, "schema s"),
        ({"db": "default_privileges: ignore"}, None),
    ],
)
def test_default_privileges_are_left_alone(site: Site, said: dict[str, str], note: str | None) -> None:
    site.run("ALTER DEFAULT PRIVILEGES FOR ROLE loose_boss IN SCHEMA s GRANT INSERT ON TABLES TO loose_app")
    assert DEFAULTS in red(site.gate(site.load()))
    target = site.load(**said)
    found = site.gate(target)[DEFAULTS]
    said_of_it = found.note if note else found.reason
    where = note or "this database"
    assert said_of_it == f"not looked at beyond the spec: default privileges of {where}"
    assert found.verdict is (Verdict.CONFORMS if note else Verdict.INAPPLICABLE)
    assert site.plan(target).changes == ()
    site.run("ALTER DEFAULT PRIVILEGES FOR ROLE loose_boss GRANT INSERT ON TABLES TO loose_other")
    assert (site.plan(target).changes == ()) is (note is None)


@pytest.mark.parametrize(
    ("said", "check", "note"),
    [
        ({"app": "member_of: ignore"}, "membership[loose_app].undeclared", "what loose_app is a member of"),
        (
            {"group": "members: ignore"},
            "membership[loose_group].undeclared",
            "who is a member of loose_group",
        ),
    ],
)
def test_memberships_are_left_alone(site: Site, said: dict[str, str], check: str, note: str) -> None:
    site.run("GRANT loose_group TO loose_app")
    assert red(site.gate(site.load())) >= {"membership[loose_app].undeclared"}
    target = site.load(**said)
    found = site.gate(target)
    assert red(found) == set()
    assert found[check].note == f"not looked at beyond the spec: {note}"
    assert site.plan(target).changes == ()


def test_a_membership_that_makes_a_superuser_is_drift_all_the_same(site: Site) -> None:
    target = site.load(app="member_of: ignore", group="members: ignore")
    site.run("GRANT loose_boss TO loose_group", "GRANT loose_group TO loose_app")
    assert red(site.gate(target)) >= {
        "membership[loose_app].undeclared",
        "membership[loose_group].undeclared",
    }


def test_what_is_left_alone_does_not_go_along_with_what_a_plan_takes(site: Site) -> None:
    site.run(
        "GRANT INSERT ON s.t TO loose_other WITH GRANT OPTION",
        "SET ROLE loose_other; GRANT INSERT ON s.t TO loose_app",
    )
    planned = site.plan(site.load(app="grants: ignore"))
    assert (planned.changes, [(finding.check.id, finding.remedy.text) for finding in planned.stuck]) == (
        (),
        [
            (
                GRANTS,
                "the spec leaves alone what would go along: INSERT on table s.t for loose_app; take it away first",
            )
        ],
    )
    assert site.plan(site.load()).taken.privileges == 2


def test_a_membership_that_is_left_alone_does_not_go_along(site: Site) -> None:
    if site.major < 16:
        pytest.skip("16 brought memberships that hang on their grantor")
    site.run(
        "GRANT loose_group TO loose_other WITH ADMIN OPTION",
        "SET ROLE loose_other; GRANT loose_group TO loose_app",
    )
    planned = site.plan(site.load(app="member_of: ignore"))
    assert (planned.changes, [(finding.check.id, finding.remedy.text) for finding in planned.stuck]) == (
        (),
        [
            (
                "membership[loose_other].undeclared",
                "the spec leaves alone what would go along: loose_app in loose_group; take it away first",
            )
        ],
    )


@pytest.mark.parametrize("wrong", ["grants: unmanaged", "grant: ignore"])
def test_another_word_is_an_error_that_says_what_is_allowed(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(f"postgres: 16\nroles:\n  app:\n    undeclared:\n      {wrong}\n")
    with pytest.raises(SpecError) as refused:
        load_target(file)
    (line,) = refused.value.problems
    assert line.startswith(f"{file}:5:")
    assert "drift" in line if "unmanaged" in wrong else "did you mean grants?" in line
