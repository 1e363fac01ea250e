"""Default privileges: which lines are sound, what a plan says and counts, and what is built in for whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pgdeploy.core.check import Verdict
from pgdeploy.core.step import Risk
from pgdeploy.layers.server.default_privilege import DEFAULT_PRIVILEGES, DefaultPrivileges, entries
from pgdeploy.model.default_privilege import DefaultPrivilegeSpec
from pgdeploy.reach.embedded import Cluster
from tests.by_hand import Site, load, planned, texts

GRANT = {"for": ["maker"], "on": "tables", "grant": ["SELECT"], "to": ["reader"]}
REVOKE = {"for": ["maker"], "on": "functions", "revoke": ["EXECUTE"], "from": ["PUBLIC"]}

SOUND: list[dict[str, Any]] = [
    GRANT,
    {**GRANT, "for": "maker"},
    {**GRANT, "in_schema": "s", "grant_option": True},
    {**GRANT, "on": "schemas", "grant": ["USAGE"]},
    {**GRANT, "on": "large_objects"},
    REVOKE,
]


@pytest.mark.parametrize("data", SOUND)
def test_a_sound_line(data: dict[str, Any]) -> None:
    line = DefaultPrivilegeSpec.model_validate(data)
    assert line.for_ == ("maker",)
    assert line.words == tuple(data.get("grant") or data["revoke"])
    assert line.roles == tuple(data.get("to") or data["from"])


_EITHER = "either `grant:` and `to:`, or `revoke:` and `from:`"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"for": "maker", "on": "tables"}, _EITHER),
        ({"for": "maker", "on": "tables", "grant": ["SELECT"]}, _EITHER),
        ({"for": "maker", "on": "tables", "to": ["reader"]}, _EITHER),
        ({"for": "maker", "on": "tables", "revoke": ["SELECT"]}, _EITHER),
        ({"for": "maker", "on": "tables", "from": ["reader"]}, _EITHER),
        ({"for": "maker", "on": "tables", "grant": ["SELECT"], "from": ["reader"]}, _EITHER),
        ({"for": "maker", "on": "tables", "revoke": ["SELECT"], "to": ["reader"]}, _EITHER),
        ({**GRANT, "revoke": ["SELECT"]}, _EITHER),
        ({**GRANT, **REVOKE}, _EITHER),
        ({**REVOKE, "in_schema": "s"}, "a revoke in a schema does nothing"),
        ({**REVOKE, "grant_option": True}, "`grant_option` belongs to `grant:`"),
        ({**GRANT, "on": "schemas", "in_schema": "s"}, "schemas stand in no schema"),
        ({**GRANT, "on": "large_objects", "in_schema": "s"}, "large_objects stand in no schema"),
        ({**GRANT, "for": []}, "for"),
        ({**GRANT, "grant": []}, "grant"),
        ({**GRANT, "to": []}, "to"),
        ({**REVOKE, "revoke": []}, "revoke"),
        ({**REVOKE, "from": []}, "from"),
        ("SELECT", "DefaultPrivilegeSpec"),
    ],
)
def test_a_line_that_means_nothing_is_refused(data: object, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        DefaultPrivilegeSpec.model_validate(data)
    assert said in str(refused.value)


SPEC = """\
postgres: $major
undeclared: {roles: ignore, databases: ignore, attributes: ignore}
roles:
  given_maker: {}
  given_boss: {}
  given_reader: {}
  given_writer: {}
databases:
  given_db:
    schemas: {s: {}}
    default_privileges:
"""
READER = "      - {for: given_maker, in_schema: s, grant: [ALL], on: tables, to: [given_reader]}\n"
ALL = "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"
UNDECLARED = "default_privilege[given_db].undeclared"


@pytest.fixture
def site(server16: Cluster, tmp_path: Path) -> Iterator[Site]:
    made = Site(server16, tmp_path / "given.yaml", "given_db", SPEC, READER)
    made.run(
        "CREATE ROLE given_maker; CREATE ROLE given_boss; CREATE ROLE given_reader; CREATE ROLE given_writer",
        "CREATE DATABASE given_db",
        at="postgres",
    )
    try:
        yield made
    finally:
        made.run("DROP DATABASE given_db WITH (FORCE)", at="postgres")
        made.run("DROP ROLE given_maker, given_boss, given_reader, given_writer", at="postgres")


def test_in_a_schema_that_is_not_there(site: Site) -> None:
    line = "default_privilege[given_db: given_maker in schema s: ALL on tables to given_reader].granted"
    found = site.finding(line)
    assert (found.verdict, found.reason) == (Verdict.BLOCKED, "schema s does not exist in given_db")
    site.run("CREATE SCHEMA s")
    found = site.finding(line)
    assert (found.verdict, found.desired, found.actual) == (
        Verdict.DRIFTS,
        "given",
        f"missing {ALL} by given_maker for given_reader",
    )
    made = site.apply()
    head = 'ALTER DEFAULT PRIVILEGES FOR ROLE "given_maker" IN SCHEMA "s"'
    assert texts(made) == [f'{head} GRANT {ALL} ON TABLES TO "given_reader"']
    assert made.taken.default_privileges == 0
    found = site.finding(line)
    assert (found.verdict, found.actual) == (Verdict.CONFORMS, "given")


def test_what_is_beyond_the_spec_is_named_and_counted(site: Site) -> None:
    site.apply()
    site.run("ALTER DEFAULT PRIVILEGES FOR ROLE given_boss IN SCHEMA s GRANT ALL ON TABLES TO given_writer")
    found = site.finding(UNDECLARED)
    assert (found.verdict, found.actual) == (
        Verdict.DRIFTS,
        f"given_boss in schema s on tables gives {ALL} to given_writer",
    )
    made = site.apply()
    head = 'ALTER DEFAULT PRIVILEGES FOR ROLE "given_boss" IN SCHEMA "s"'
    assert texts(made) == [f'{head} REVOKE {ALL} ON TABLES FROM "given_writer"']
    assert made.taken.default_privileges == 7


def test_what_is_built_in_is_so_for_public_alone(site: Site) -> None:
    site.apply()
    site.run("ALTER DEFAULT PRIVILEGES FOR ROLE given_boss GRANT EXECUTE ON FUNCTIONS TO given_writer")
    assert site.finding(UNDECLARED).actual == "given_boss on functions gives EXECUTE to given_writer"
    head = 'ALTER DEFAULT PRIVILEGES FOR ROLE "given_boss"'
    assert texts(site.apply()) == [f'{head} REVOKE EXECUTE ON FUNCTIONS FROM "given_writer"']


def test_what_the_owner_lost_is_named_and_given_back(site: Site) -> None:
    site.apply()
    site.run("ALTER DEFAULT PRIVILEGES FOR ROLE given_boss REVOKE ALL ON TABLES FROM given_boss")
    assert site.finding(UNDECLARED).actual == f"given_boss on tables takes {ALL} from given_boss"
    made = site.apply()
    assert texts(made) == [
        f'ALTER DEFAULT PRIVILEGES FOR ROLE "given_boss" GRANT {ALL} ON TABLES TO "given_boss"'
    ]
    assert made.taken.default_privileges == 0


def test_a_revoke_says_and_counts_what_it_takes(site: Site) -> None:
    lines = "      - {for: [given_maker, given_boss], revoke: [EXECUTE], on: functions, from: [PUBLIC]}\n"
    check = "default_privilege[given_db: given_maker, given_boss: EXECUTE on functions from PUBLIC].revoked"
    found = site.finding(check, lines)
    assert (found.verdict, found.desired, found.actual) == (
        Verdict.DRIFTS,
        "not given",
        "given: EXECUTE by given_boss for PUBLIC, EXECUTE by given_maker for PUBLIC",
    )
    assert site.apply(lines).taken.default_privileges == 2
    found = site.finding(check, lines)
    assert (found.verdict, found.actual) == (Verdict.CONFORMS, "not given")


def test_an_absent_role_that_others_keep_holds_up_what_names_it_and_no_more(site: Site) -> None:
    site.apply()
    site.run(
        "ALTER DEFAULT PRIVILEGES FOR ROLE given_boss IN SCHEMA s GRANT SELECT ON TABLES TO given_writer"
    )
    lines = READER + READER.replace("given_maker", "given_keeper")
    text = SPEC.replace("\ndatabases:\n", "\n  given_keeper: {state: external}\ndatabases:\n") + lines
    made = planned(load(site.cluster, site.file, text), site.cluster)
    assert texts(made) == [
        'ALTER DEFAULT PRIVILEGES FOR ROLE "given_boss" IN SCHEMA "s" REVOKE SELECT ON TABLES FROM "given_writer"'
    ]
    line = "default_privilege[given_db: given_keeper in schema s: ALL on tables to given_reader].granted"
    assert {finding.check.id for finding in made.stuck} == {line, "role[given_keeper].exists"}


MANY = (
    "      - {for: [given_maker, given_boss], grant: [SELECT, INSERT], on: tables, "
    "to: [given_reader, given_writer]}\n"
)


@pytest.mark.parametrize(
    ("more", "taken", "risk"), [("DELETE", 8, Risk.SAFE), ("DELETE, UPDATE", 9, Risk.DESTRUCTIVE)]
)
def test_more_beyond_the_spec_than_its_lines_name_is_destructive(
    site: Site, more: str, taken: int, risk: Risk
) -> None:
    """The line names two privileges of two creators for two grantees: eight."""
    site.apply(MANY)
    site.run(
        "ALTER DEFAULT PRIVILEGES FOR ROLE given_maker IN SCHEMA s GRANT ALL ON TABLES TO given_reader",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE given_boss IN SCHEMA s GRANT {more} ON TABLES TO given_reader",
    )
    made = site.plan(MANY)
    assert (made.taken.default_privileges, {change.risk for change in made.changes}) == (taken, {risk})


def test_what_a_plan_projects_is_what_a_server_reads(site: Site) -> None:
    """A plan that takes nothing away leaves each entry as it was read, whatever its kind and grantee."""
    lines = (
        "      - {for: given_maker, in_schema: s, grant: [SELECT], on: tables, to: [given_reader], "
        "grant_option: true}\n"
        "      - {for: given_maker, in_schema: s, grant: [INSERT, SELECT], on: tables, to: [PUBLIC]}\n"
        "      - {for: given_maker, grant: [USAGE], on: sequences, to: [given_writer]}\n"
        "      - {for: given_boss, revoke: [EXECUTE], on: functions, from: [PUBLIC]}\n"
    )
    site.apply(lines)
    target = site.load(lines)
    facts = target.read(site.cluster)
    before = entries(facts, "given_db")
    assert {scope.kind for scope in before} == {"table", "sequence", "function"}
    [lines_of_it] = [one for one in target.resources if isinstance(one, DefaultPrivileges)]
    rows = {**facts.rows_of_databases["given_db"], DEFAULT_PRIVILEGES.name: tuple(lines_of_it.swept(facts))}
    again = replace(facts, rows_of_databases={**facts.rows_of_databases, "given_db": rows}, _memo={})
    assert entries(again, "given_db") == before
