"""Grants: which lines are sound, what a check says, and what a plan makes one statement of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.core.step import Risk
from pgdeploy.model.grant import GrantSpec, ServerGrantSpec
from pgdeploy.reach.embedded import Cluster
from tests.by_hand import Site, load, texts

GRANT = {"grant": ["SELECT"], "on": {"schema": "s", "table": "t"}, "to": ["app"]}
REVOKE = {"revoke": ["SELECT"], "on": {"schema": "s", "table": "t"}, "from": ["app"]}
_EITHER = "either `grant:` and `to:`, or `revoke:` and `from:`"


def test_a_sound_line() -> None:
    assert GrantSpec.model_validate({**GRANT, "grant_option": True}).words == ("SELECT",)
    line = GrantSpec.model_validate(REVOKE)
    assert (line.words, line.roles, line.grant_option) == (("SELECT",), ("app",), False)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"grant": ["SELECT"], "on": GRANT["on"]}, _EITHER),
        ({"on": GRANT["on"], "to": ["app"]}, _EITHER),
        ({"on": GRANT["on"]}, _EITHER),
        ({"revoke": ["SELECT"], "on": GRANT["on"]}, _EITHER),
        ({"on": GRANT["on"], "from": ["app"]}, _EITHER),
        ({**GRANT, **REVOKE}, _EITHER),
        ({"grant": ["SELECT"], "on": GRANT["on"], "from": ["app"]}, _EITHER),
        ({"revoke": ["SELECT"], "on": GRANT["on"], "to": ["app"]}, _EITHER),
        ({**REVOKE, "grant_option": True}, "`grant_option` belongs to `grant:`"),
        ({**GRANT, "grant": []}, "grant"),
        ({**GRANT, "to": []}, "to"),
        ({**REVOKE, "revoke": []}, "revoke"),
        ({**REVOKE, "from": []}, "from"),
    ],
)
def test_a_line_that_means_nothing_is_refused(data: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        GrantSpec.model_validate(data)
    assert said in str(refused.value)


def test_on_the_server_a_line_names_one_tablespace_or_parameter() -> None:
    line = {"grant": ["SET"], "to": ["app"]}
    named = ServerGrantSpec.model_validate({**line, "on": {"parameter": "Work_Mem"}}).on
    assert (named.kind, named.name, named.text) == ("parameter", "work_mem", "parameter work_mem")
    named = ServerGrantSpec.model_validate({**line, "on": {"tablespace": "Disk"}}).on
    assert (named.kind, named.name) == ("tablespace", "Disk")
    for on in ({}, {"tablespace": "disk", "parameter": "work_mem"}):
        with pytest.raises(ValidationError, match="name one: "):
            ServerGrantSpec.model_validate({**line, "on": on})


SPEC = """\
postgres: $major
undeclared: {roles: ignore, databases: ignore, attributes: ignore}
roles:
  held_app: {}
  held_reader: {}
  held_other: {}
databases:
  held_db:
    schemas: {s: {}}
    grants:
"""
READER = "      - {grant: [SELECT], on: {schema: s, all: tables}, to: [held_reader]}\n"
PASSING_ON = (
    "      - {grant: [SELECT, DELETE], on: {schema: s, table: t}, to: [held_app], grant_option: true}\n"
    "      - {grant: [USAGE], on: {schema: s}, to: [held_app]}\n"
)
UNDECLARED = "grant[held_db].undeclared"


@pytest.fixture
def site(server16: Cluster, tmp_path: Path) -> Iterator[Site]:
    made = Site(server16, tmp_path / "held.yaml", "held_db", SPEC, READER)
    made.run("CREATE ROLE held_app; CREATE ROLE held_other", "CREATE DATABASE held_db", at="postgres")
    made.run("CREATE SCHEMA s; CREATE TABLE s.t (); CREATE TABLE s.u (); ALTER TABLE s.u OWNER TO held_other")
    try:
        yield made
    finally:
        made.run("DROP DATABASE held_db WITH (FORCE)", at="postgres")
        made.run("DROP ROLE IF EXISTS held_app, held_reader, held_other", at="postgres")


def test_for_a_role_that_is_not_there(site: Site) -> None:
    line = "grant[held_db: SELECT on all tables in schema s to held_reader].granted"
    found = site.finding(line)
    assert (found.verdict, found.reason) == (Verdict.BLOCKED, "role held_reader does not exist")
    site.run("CREATE ROLE held_reader", at="postgres")
    found = site.finding(line)
    assert (found.verdict, found.desired, found.actual) == (
        Verdict.DRIFTS,
        "granted",
        "missing SELECT on table s.t for held_reader, SELECT on table s.u for held_reader",
    )
    site.run("DROP SCHEMA s CASCADE")
    found = site.finding(line)
    assert (found.verdict, found.reason) == (Verdict.BLOCKED, "schema s does not exist in held_db")


def test_tables_of_several_owners_are_one_statement_of_a_superuser(site: Site) -> None:
    site.run("CREATE ROLE held_reader", at="postgres")
    made = site.apply()
    assert texts(made) == ['GRANT SELECT ON ALL TABLES IN SCHEMA "s" TO "held_reader"']
    assert made.taken.privileges == 0


def test_what_a_second_grantor_gave_beyond_the_spec(site: Site) -> None:
    """One entry is as the spec says; that does not excuse the other."""
    site.apply(READER + PASSING_ON)
    site.run("SET ROLE held_app; GRANT DELETE, SELECT ON s.t TO held_reader")
    found = site.finding(UNDECLARED, READER + PASSING_ON)
    assert (found.verdict, found.actual, found.origin) == (
        Verdict.DRIFTS,
        "DELETE on table s.t for held_reader",
        "granted by held_app",
    )
    made = site.apply(READER + PASSING_ON)
    assert made.taken.privileges == 1


def test_a_grant_option_beyond_the_spec(site: Site) -> None:
    site.apply()
    site.run("GRANT SELECT ON s.t TO held_reader WITH GRANT OPTION")
    found = site.finding(UNDECLARED)
    assert found.actual == "SELECT on table s.t for held_reader with grant option"
    made = site.apply()
    assert texts(made) == ['REVOKE GRANT OPTION FOR SELECT ON TABLE "s"."t" FROM "held_reader" CASCADE']


def test_what_a_revoke_says_of_what_is_there_and_of_what_is_not(site: Site) -> None:
    lines = "      - {revoke: [SELECT, UPDATE], on: {schema: s, all: tables}, from: [held_app]}\n"
    check = "grant[held_db: SELECT, UPDATE on all tables in schema s from held_app].revoked"
    site.apply(lines)
    found = site.finding(check, lines)
    assert (found.verdict, found.actual, found.origin) == (Verdict.CONFORMS, "not granted", "")
    site.run("GRANT SELECT ON s.t TO held_app")
    found = site.finding(check, lines)
    assert (found.verdict, found.actual, found.origin) == (
        Verdict.DRIFTS,
        "SELECT on table s.t for held_app",
        "granted by postgres",
    )
    assert site.apply(lines).taken.privileges == 1


@pytest.mark.parametrize(("more", "risk"), [("TRIGGER", Risk.SAFE), ("TRIGGER, UPDATE", Risk.DESTRUCTIVE)])
def test_more_beyond_the_spec_than_its_lines_name_is_destructive(site: Site, more: str, risk: Risk) -> None:
    """The line names two privileges of two grantees on two tables: eight."""
    lines = READER.replace("[SELECT]", "[SELECT, INSERT]").replace("[held_reader]", "[held_reader, held_app]")
    site.apply(lines)
    site.run(
        "GRANT ALL ON s.t TO held_other",
        f"GRANT {more} ON s.t TO held_reader",
    )
    made = site.plan(lines)
    assert {change.risk for change in made.changes} == {risk}
    assert made.taken.privileges == 7 + len(more.split(", "))


ELSEWHERE = """\
postgres: $major
undeclared: {roles: ignore, databases: report, attributes: ignore}
roles: {held_app: {}}
"""


def test_privileges_in_a_database_that_the_spec_does_not_name(site: Site) -> None:
    """What a role owns there is no privilege; a role that is left alone is left alone there, too."""
    check = "grant[other databases].undeclared"

    def found(text: str) -> Finding:
        target = load(site.cluster, site.file.parent / "elsewhere.yaml", text)
        facts = target.read(site.cluster)
        return next(evaluate(one, facts) for one in target.checks if one.id == check)

    site.run("ALTER TABLE s.t OWNER TO held_app")
    assert found(ELSEWHERE).verdict is Verdict.CONFORMS
    site.run("GRANT SELECT ON s.u TO held_app")
    drift = found(ELSEWHERE)
    assert (drift.verdict, drift.actual) == (
        Verdict.DRIFTS,
        "held_app holds privileges on 1 objects in held_db",
    )
    left = ELSEWHERE.replace("held_app: {}", "held_app: {undeclared: {grants: ignore}}")
    assert found(left).verdict is Verdict.CONFORMS


def test_a_free_standing_sequence_is_not_handed_over_with_the_tables(site: Site) -> None:
    """Default privileges of whoever made a table may explain what its own sequence gives, and no other."""
    lines = READER + (
        "    ownership: [{on: {schema: s, all: tables}, owner: held_app}]\n"
        "    default_privileges:\n"
        "      - {for: held_reader, in_schema: s, grant: [USAGE], on: sequences, to: [held_reader]}\n"
    )
    site.run(
        "CREATE TABLE s.numbered (id serial); CREATE SEQUENCE s.free; ALTER SEQUENCE s.free OWNER TO held_other"
    )
    site.apply(lines)
    site.run("GRANT USAGE ON SEQUENCE s.numbered_id_seq TO held_reader")
    assert site.finding(UNDECLARED, lines).verdict is Verdict.CONFORMS
    site.run("GRANT USAGE ON SEQUENCE s.free TO held_reader")
    assert site.finding(UNDECLARED, lines).actual == "USAGE on sequence s.free for held_reader"


def test_a_schema_is_opened_before_what_is_in_it(site: Site) -> None:
    """Whoever grants on a table needs USAGE on its schema just then, and may get it by the same plan."""
    lines = READER + "      - {grant: [USAGE], on: {schema: s}, to: [held_app]}\n"
    site.run("REVOKE ALL ON SCHEMA s FROM PUBLIC, held_app")
    grants = [text for text in texts(site.plan(lines)) if text.startswith("GRANT ")]
    assert [text.split(" ON ")[1].split(" ")[0] for text in grants] == ["SCHEMA", "ALL"]


def test_what_a_grantor_gave_who_may_not_use_the_schema_any_more(site: Site) -> None:
    """It is revoked in his name, so he is let in for that one statement."""
    site.apply(READER + PASSING_ON)
    site.run("SET ROLE held_app; GRANT DELETE ON s.t TO held_reader")
    site.run("REVOKE USAGE ON SCHEMA s FROM held_app")
    lines = READER + PASSING_ON.splitlines(keepends=True)[0]
    made = site.apply(lines)
    assert made.taken.privileges == 1
    assert site.finding(UNDECLARED, lines).verdict is Verdict.CONFORMS
