"""User name maps: what a spec may say of them, what the server reads, and what happens where they are not ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.core.check import Verdict
from pgdeploy.errors import ApplyError, SpecError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.spec_file import load_spec
from pgdeploy.gate.target import load_target
from pgdeploy.layers.host.file import files
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.ident import QUERIES, render
from pgdeploy.layers.server.plan import plan
from pgdeploy.model.ident import IdentLineSpec
from pgdeploy.postgres import pg_ident
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.side_by_side import closing
from tests.conftest import cluster
from tests.diff import diff
from tests.format.texts import law, takes, text
from tests.output.command import run

# -- what a spec may say -------------------------------------------------------------------------------

WRONG = {
    "all before 16": (15, "{map: m, system: a, role: all}", "role", "need PostgreSQL 16; this spec says 15"),
    "a group before 16": (14, "{map: m, system: a, role: +team}", "role", "need PostgreSQL 16"),
    "a regular expression before 16": (15, "{map: m, system: a, role: /^x}", "role", "need PostgreSQL 16"),
    "a name that begins with /": (16, "{map: m, system: a, role: '\"/x\"'}", "role", "in quotes, too"),
    "what nothing matches": (16, r"{map: m, system: a, role: '\1'}", "role", "that one is no /regex"),
    "what no parentheses match": (
        16,
        r"{map: m, system: '/^\(?:(?:x)', role: '\1x'}",
        "role",
        "that one has none",
    ),
    "no map": (16, "{map: '', system: a, role: b}", "map", "a word in pg_ident.conf cannot be empty"),
    "a line break": (16, '{map: m, system: "a\\nb", role: b}', "system", "cannot hold a line break"),
    "an empty role": (16, "{map: m, system: a, role: ''}", "role", "cannot be empty"),
    "a key of others": (16, "{map: m, system: a, database: b, role: c}", "database", "unknown key"),
    "no role": (16, "{map: m, system: a}", "role", "missing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused_says_where_and_why(tmp_path: Path, case: str) -> None:
    major, line, key, why = WRONG[case]
    file = tmp_path / "maps.yaml"
    file.write_text(f"postgres: {major}\nident:\n  - {line}\n")
    with pytest.raises(SpecError) as refused:
        load_spec(file)
    [problem] = refused.value.problems
    assert problem.startswith(f"{file}:3:")
    assert f"ident[0].{key}: " in problem
    assert why in problem


def test_a_line_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "maps.yaml"
    file.write_text(
        "postgres: 16\nident:\n  - {map: m, system: a, role: b}\n  - {map: m, system: a, role: '\"b\"'}\n"
    )
    with pytest.raises(SpecError, match=r"maps\.yaml:4:.* duplicate line; remove one"):
        load_spec(file)


RIGHT = (
    (15, "'\"all\"'"),
    (15, "'\"/x\"'"),
    (16, "all"),
    (16, "+team"),
    (16, "/^x"),
    (14, "bob"),
)


@pytest.mark.parametrize(("major", "role"), RIGHT)
def test_what_is_taken(tmp_path: Path, major: int, role: str) -> None:
    file = tmp_path / "maps.yaml"
    file.write_text(
        f"postgres: {major}\nident:\n  - {{map: m, system: a, role: {role}}}\n"
        "  - {map: m, system: '/^(.*)@x', role: '\\1_ro'}\n"
    )
    assert len(load_spec(file).value.ident or ()) == 2


def test_lines_are_written_in_quotes() -> None:
    lines = [("m", "a b", "all"), ("m", "#@x", "+team"), ("m", '/^"(.*)', r"\1"), ("m", "c", '"all"')]
    given = [IdentLineSpec(map=one, system=system, role=role) for one, system, role in lines]
    assert render(given).splitlines() == [
        '"m" "a b" all',
        '"m" "#@x" +"team"',
        r'"m" "/^""(.*)" "\1"',
        '"m" "c" "all"',
    ]


# -- what the server reads -----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["server16", "server18"])
def read_by(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A server whose own maps come back at the end."""
    server: Cluster = request.getfixturevalue(request.param)
    before = server.write_ident("")
    yield server
    server.write_ident(before, whole=True)


words = text.filter(takes(pg_ident.word)).filter(lambda one: not one.startswith("/"))
roles = text.filter(takes(pg_ident.role_word)).filter(lambda one: not pg_ident.is_regex(one.strip('"')))


@law
@given(given=st.lists(st.tuples(words, words, roles), max_size=10))
def test_the_server_reads_the_lines_of_the_spec(read_by: Cluster, given: list[tuple[str, str, str]]) -> None:
    lines = [IdentLineSpec(map=one, system=system, role=role) for one, system, role in given]
    path = read_by.data / "pg_ident.conf"
    path.write_text(render(lines), encoding="utf-8")
    with closing(read_by.open()) as connection:
        query = "SELECT map_name, sys_name, error FROM pg_ident_file_mappings ORDER BY line_number"
        read = connection.execute(query).fetchall()
    assert read == [(one, system, None) for one, system, _ in given]


# -- applied, or not -----------------------------------------------------------------------------------

SPEC = """\
postgres: {major}
connect: {{dsn: host=x}}
roles:
  postgres: {{superuser: true, login: true}}
hba:
  - {{type: local, database: all, user: all, method: peer, options: {{map: people}}}}
{hba}
ident:
  - {{map: people, system: alice, role: bob}}
  - {{map: people, system: '{system}', role: '\\1'}}
"""
NAMES = ("pg_ident.conf", "pg_hba.conf")
WORKS, LDAP = "/^(.*)@x", "  - {type: host, database: all, user: all, address: samenet, method: ldap}"
IDS = {
    *("ident[people: alice as bob].mapped", r'ident[people: "/^(.*)@x" as "\\1"].mapped'),
    *(f"ident[rules].{field}" for field in ("order", "undeclared", "loaded")),
}


@pytest.fixture
def server() -> Iterator[Cluster]:
    """Of its own, as its files change."""
    yield from cluster(16)


def _spec(folder: Path, *, major: int = 16, system: str = WORKS, hba: str = "") -> Path:
    file = folder / "maps.yaml"
    file.write_text(SPEC.format(major=major, system=system, hba=hba))
    return file


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"system": "/^((.*)@x"}, r"refuses the new pg_ident\.conf, so the old one stays: line 3: "),
        ({"hba": LDAP}, r"refuses the new pg_hba\.conf, so the old one stays: line 5: "),
    ],
)
def test_what_the_server_refuses_leaves_both_files_as_they_were(
    server: Cluster, tmp_path: Path, changed: dict[str, str], why: str
) -> None:
    before = [(server.data / name).read_bytes() for name in NAMES]
    target = load_target(_spec(tmp_path, **changed))  # type: ignore[arg-type]
    planned = plan(target.spec, target.resources, target.read(server))
    with pytest.raises(ApplyError, match=why):
        apply(planned, server)
    assert [(server.data / name).read_bytes() for name in NAMES] == before


def test_what_is_applied_is_what_stands_there(server: Cluster, tmp_path: Path) -> None:
    (server.data / "more.conf").write_text("other root postgres\n")
    with (server.data / "pg_ident.conf").open("a") as opened:
        opened.write("include more.conf\n")
    target = load_target(_spec(tmp_path))
    planned = plan(target.spec, target.resources, target.read(server))
    [written] = [change for change in planned.changes if change.ident is not None]
    assert written.ident == '"people" "alice" "bob"\n"people" "/^(.*)@x" "\\1"\n'
    [note] = written.notes
    assert note.startswith("line 2 of pg_ident.conf goes (include more.conf); ")
    apply(planned, server)
    own, *lines = (server.data / "pg_ident.conf").read_text().splitlines(keepends=True)
    assert own.startswith("pgdeploy ")
    assert "".join(lines) == written.ident
    facts = target.read(server)
    assert {f.check.id: f.verdict for f in diff(target.checks, facts) if f.check.id in IDS} == dict.fromkeys(
        IDS, Verdict.CONFORMS
    )
    assert plan(target.spec, target.resources, facts).changes == ()


TITLE = "-- the spec's pg_ident.conf, whole, to be put on the server:"


def test_over_a_connection_a_plan_prints_the_file_that_the_gate_wants(
    server: Cluster, tmp_path: Path
) -> None:
    way = (str(_spec(tmp_path)), "--dsn", server.dsn)
    code, said = run("plan", *way)
    assert code == 2
    lines = said.splitlines()
    shown = lines[lines.index(TITLE) + 1 :]
    wanted = "".join(line.removeprefix("--   ") + "\n" for line in shown[: shown.index("")])
    assert json.loads(run("plan", *way, "--json")[1])["wanted_ident"] == wanted
    own = (server.data / "pg_ident.conf").read_text()
    (server.data / "pg_ident.conf").write_text(wanted)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
        (server.data / "pg_hba.conf").write_text(
            f"local all all trust\n{(server.data / 'pg_hba.conf').read_text()}"
        )
        connection.execute("SELECT pg_reload_conf()")
    data = json.loads(run("plan", *way, "--json")[1])
    assert data["wanted_ident"] == ""
    assert not [finding["id"] for finding in data["stuck"] if finding["id"].startswith("ident[")]
    server.write_ident(own, whole=True)


def test_with_what_is_documented_it_is_read_and_without_unreadable(server: Cluster, tmp_path: Path) -> None:
    server.write_hba(f"local all gate trust\n{(server.data / 'pg_hba.conf').read_text()}", whole=True)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE gate LOGIN")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("SELECT pg_sleep(0.1)")
    gate = Gate(
        load_target(_spec(tmp_path)), ConnectionOptions(dsn=server.dsn.replace("user=postgres", "user=gate"))
    )
    found = {f.check.id: f.verdict for f in gate.ask() if f.check.id in IDS}
    gate.close()
    assert found == dict.fromkeys(IDS, Verdict.UNREADABLE)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("GRANT pg_read_all_settings TO gate")
        connection.execute("GRANT SELECT ON pg_ident_file_mappings TO gate")
        for called in ("pg_ident_file_mappings()", "pg_read_binary_file(text)", "pg_stat_file(text)"):
            connection.execute(f"GRANT EXECUTE ON FUNCTION {called} TO gate".encode())
    gate = Gate(
        load_target(_spec(tmp_path)), ConnectionOptions(dsn=server.dsn.replace("user=postgres", "user=gate"))
    )
    found = {f.check.id: f.verdict for f in gate.ask() if f.check.id in IDS}
    gate.close()
    assert set(found.values()) == {Verdict.DRIFTS, Verdict.CONFORMS}


@pytest.fixture
def server_of_14() -> Iterator[Cluster]:
    """It does not show how it reads pg_ident.conf."""
    yield from cluster(14)


def test_what_a_server_does_not_show_is_read_here(server_of_14: Cluster, tmp_path: Path) -> None:
    target = load_target(_spec(tmp_path, major=14))
    apply(plan(target.spec, target.resources, target.read(server_of_14)), server_of_14)

    def drifts() -> dict[str, str]:
        found = [f for f in diff(target.checks, target.read(server_of_14)) if f.check.id in IDS]
        assert len(found) == len(IDS)
        return {f.check.id: f.actual for f in found if f.verdict is Verdict.DRIFTS}

    assert drifts() == {}
    file = server_of_14.data / "pg_ident.conf"
    right = file.read_text()
    for line, fault in (
        ("people carol", "missing entry at end of line"),
        ("people carol bob,app", "multiple values in ident field"),
        (r'people "/^(" bob', "invalid regular expression: parentheses () not balanced"),
    ):
        file.write_text(f"{right}{line}\n")
        number = len(right.splitlines()) + 1
        assert drifts() == {"ident[rules].loaded": f"line {number}: {fault}"}


def test_an_expression_that_it_cannot_read_is_not_written(server_of_14: Cluster, tmp_path: Path) -> None:
    file = server_of_14.data / "pg_ident.conf"
    before = file.read_text()
    target = load_target(_spec(tmp_path, major=14, system="/^("))
    with pytest.raises(
        ApplyError, match=r"refuses the new pg_ident\.conf, so the old one stays: /"
    ) as stopped:
        apply(plan(target.spec, target.resources, target.read(server_of_14)), server_of_14)
    assert "parentheses () not balanced" in str(stopped.value)
    assert file.read_text() == before


def test_without_a_word_the_file_is_not_read(server: Cluster, tmp_path: Path) -> None:
    """A server without the file runs, and a login that may not read it is no worse off."""
    (server.data / "pg_ident.conf").rename(server.data / "pg_ident.conf.away")
    file = tmp_path / "no_maps.yaml"
    file.write_text(
        "postgres: 16\nconnect: {dsn: host=x}\nroles: {postgres: {superuser: true, login: true}}\n"
    )
    target = load_target(file)
    with closing(server.open()) as connection:
        facts = target.read(server)
        (server.data / "pg_ident.conf.away").rename(server.data / "pg_ident.conf")
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not [query.name for query in QUERIES if query.name in facts.rows_of_server]
    assert not [f for f in diff(target.checks, facts) if f.verdict is Verdict.UNREADABLE]


# -- the host ------------------------------------------------------------------------------------------


def test_the_file_of_a_host_has_the_lines(tmp_path: Path) -> None:
    file = tmp_path / "maps.yaml"
    file.write_text(
        "postgres: 16\nconnect: {ssh: {host: h}}\nhost: {}\nident: [{map: m, system: a, role: +team}]\n"
    )
    [written] = [one for one in files(load_spec(file).value, "bookworm") if "pg_ident" in one.path]
    assert written.path == "/etc/postgresql/16/main/pg_ident.conf"
    assert (written.owner, written.group, written.mode) == ("postgres", "postgres", "0640")
    assert written.text.splitlines()[-1] == '"m" "a" +"team"'
    assert f"file[{written.path}].content" in {check.id for check in load_target(file).checks_of("host")}
