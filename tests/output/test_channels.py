"""What a server, a host and a name say, in all that is printed: it begins no line and does nothing."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from hypothesis import example, given
from psycopg import sql

from pgdeploy.layers.server.change import ident, literal
from pgdeploy.reach.embedded import Cluster
from tests.conftest import ROOT, cluster, programs
from tests.output.command import run
from tests.output.hostile import FORGED, NAMES, TEXTS, wrongs, yaml
from tests.properties.law import law

OURS = (
    "-- ", "--\n", "\\connect ", "\\encoding UTF8", "SET ", "CREATE ", "ALTER ", "GRANT ", "REVOKE ", "DROP ", "BEGIN",
    "COMMIT", "RESET ", "role[", "database[", "schema[", "setting[", "membership[", "grant[", "server[", "probe[",
    "default_privilege[", "  desired  ", "  actual   ", "  reason   ", "  spec     ", "  origin   ", "  remedy   ",
    "           ", "skipped, ", "spec on ", "note: ", "pgdeploy: ", "made ", "nothing is left", "not fixable here: ",
    "still drifts: ", "hba[", "extension[", "ownership[",
)  # fmt: skip
"""How lines of ours begin."""


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """One of its own, as the gate looks at all databases and roles."""
    yield from cluster(16)


def spec(role: str, database: str) -> str:
    return f"""\
postgres: 16
roles:
  postgres: {{superuser: true}}
  {yaml(role)}: {{login: true, connection_limit: 7}}
databases:
  {yaml(database)}:
    owner: {yaml(role)}
    connection_limit: 9
    schemas: {{sales: {{}}}}
    grants:
      - {{grant: [USAGE], on: {{schema: sales}}, to: [{yaml(role)}]}}
"""


class Town:
    """A role and a database of these names, a stray role, a preset and comments, all of the same texts."""

    def __init__(self, server: Cluster, name: str, text: str) -> None:
        self.server, self.name = server, name
        self.role, self.database, self.stray = name, name, ("~" + name)[:63]
        self.execute(f"CREATE ROLE {ident(self.role)}", f"CREATE DATABASE {ident(self.database)}")
        with suppress(psycopg.Error):
            self.execute(f"CREATE ROLE {ident(self.stray)}")
        self.execute(f"COMMENT ON DATABASE {ident(self.database)} IS {literal(text)}")
        with suppress(psycopg.Error):
            self.execute(f"ALTER DATABASE {ident(self.database)} SET application_name = {literal(text)}")
        with suppress(psycopg.Error):
            self.execute(f'ALTER ROLE {ident(self.role)} SET "a.b" = {literal(text)}')

    def execute(self, *texts: str) -> None:
        with psycopg.connect(self.server.dsn, autocommit=True) as connection:
            for text in texts:
                connection.execute(text.encode())

    def clean(self) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {ident(self.database)}")
        for role in (self.role, self.stray):
            self.execute(f"DROP ROLE IF EXISTS {ident(role)}")


def nothing_of_others(output: str) -> None:
    assert wrongs(output) == []
    assert [line for line in output.split("\n") if line and not f"{line}\n".startswith(OURS)] == []


@law(8)
@given(name=NAMES, text=TEXTS)
@example(name=FORGED["psql"], text=FORGED["psql quote"])
@example(name=FORGED["psql quote"], text=FORGED["line"])
@example(name=FORGED["conninfo"], text=FORGED["return"])
@example(name=FORGED["backslash"], text=FORGED["psql variable"])
@example(name=FORGED["psql variable"], text=FORGED["bidi"])
def test_check_and_plan_say_it_on_lines_of_ours_and_psql_makes_the_plan(
    server: Cluster, tmp_path_factory: pytest.TempPathFactory, name: str, text: str
) -> None:
    folder = tmp_path_factory.mktemp("town")
    file = folder / "spec.yaml"
    file.write_text(spec(name, name))
    town = Town(server, name, text)
    try:
        code, plan = run("plan", str(file), "--dsn", server.dsn)
        assert code == 2, plan
        nothing_of_others(plan)
        nothing_of_others(run("check", str(file), "--dsn", server.dsn, "-v")[1])
        for command in ("plan", "check"):
            data = run(command, str(file), "--dsn", server.dsn, "--json")[1]
            assert wrongs(data) == []
            json.loads(data)
        psql(server, plan, folder)
        code, rest = run("plan", str(file), "--dsn", server.dsn)
        assert (code, rest.split("\n")[0][:8]) == (0, "-- spec "), rest
    finally:
        town.clean()
    assert [path.name for path in folder.iterdir()] == ["spec.yaml"]


def psql(server: Cluster, plan: str, folder: Path) -> None:
    """Make a plan by psql: it must do without errors, and touch nothing here."""
    program = str((programs(16) or Path()) / "psql")
    done = subprocess.run(
        [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "x=pwned", "-d", server.dsn],
        input=plan, capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), plan


def test_an_apply_says_it_on_lines_of_ours(server: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    for name in (FORGED["psql"], FORGED["first"]):
        file.write_text(spec(name, name))
        town = Town(server, name, name)
        try:
            nothing_of_others(run("apply", str(file), "--dsn", server.dsn, "--yes")[1])
        finally:
            town.clean()


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED.keys())
def test_errors_in_the_words_of_a_server(server: Cluster, tmp_path: Path, text: str) -> None:
    """An event trigger of another's refuses what an apply does, in words of its own."""
    file = tmp_path / "spec.yaml"
    file.write_text("postgres: 16\ndatabases: {postgres: {schemas: {refused: {}}}}\n")
    code = sql.SQL("BEGIN RAISE EXCEPTION USING MESSAGE = {0}, DETAIL = {0}, HINT = {0}; END").format(text)
    trigger = "CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE SCHEMA') EXECUTE FUNCTION refuse()"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS {}").format(
                code.as_string()
            )
        )
        connection.execute(trigger.encode())
        try:
            ended, said = run("apply", str(file), "--dsn", server.dsn, "--yes")
        finally:
            connection.execute("DROP EVENT TRIGGER refuse")
            connection.execute("DROP FUNCTION refuse()")
    assert ended == 1
    assert wrongs(said) == []
    refused = said.partition("pgdeploy: stopped: ")[2]
    starts = ("done: ", "not done: ", "  CREATE ", "  in: ", "Nothing is half done", "  ALTER ")
    assert [line for line in refused.split("\n")[1:] if line and not line.startswith(starts)] == []


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED.keys())
def test_names_on_the_command_line_and_in_files(tmp_path: Path, text: str) -> None:
    file = tmp_path / f"{text.replace('/', '')}.yaml"
    file.write_text("postgres: 5\n")
    for words in (
        ("plan", str(file)),
        ("check", text),
        ("lint", str(file)),
        ("plan", str(file), "--dsn", text),
    ):
        code, said = run(*words)
        assert (code, wrongs(said)) == (1, [])
        assert said.count("\n") <= 1


def test_names_that_the_terminal_cannot_show(server: Cluster, tmp_path: Path) -> None:
    """Neither an encoding without them nor a name that is no text ends a command."""
    file = tmp_path / "spec.yaml"
    file.write_text(spec("Ünï🐘", "Ünï🐘"))
    for encoding in ("ascii", "latin-1"):
        environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
        command = [sys.executable, "-m", "pgdeploy", "plan", str(file), "--dsn", server.dsn]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (2, b"")
    nowhere = subprocess.run(
        [sys.executable, "-m", "pgdeploy", "check", b"\xff\n"], capture_output=True, check=False
    )
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith(b"pgdeploy: no target \\udcff\\n in ")


def test_a_value_is_cut_for_people_and_whole_in_json(server: Cluster, tmp_path: Path) -> None:
    file, long = tmp_path / "spec.yaml", "x" * 50_000
    file.write_text("postgres: 16\ndatabases: {postgres: {}}\n")
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE postgres SET a.b = '{long}'".encode())
        try:
            for command in ("check", "plan"):
                said = run(command, str(file), "--dsn", server.dsn)[1]
                assert "more characters)" in said
                assert len(said) < 20_000
            assert long in run("check", str(file), "--dsn", server.dsn, "--json")[1]
        finally:
            connection.execute("ALTER DATABASE postgres RESET ALL")


# -- nothing is printed beside ---------------------------------------------------------------------------

PRINTERS = {"echo", "secho", "print", "write_line", "line", "write_sep", "print_exc", "excepthook"}
SAFE = {"escape", "one_line", "json_text"}


def test_all_that_is_printed_passes_through_the_escape() -> None:
    """A call that prints has a text of ours, or one that was escaped."""
    files = [*(ROOT / "pgdeploy").rglob("*.py"), *(ROOT / "plugin").rglob("*.py")]
    calls = [(file, call) for file in files for call in _prints(ast.parse(file.read_text()))]
    assert len(calls) > 5
    assert [f"{file}:{call.lineno}" for file, call in calls if not _is_safe(file, call)] == []


def _prints(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in PRINTERS:
                yield node


def _is_safe(file: Path, call: ast.Call) -> bool:
    if file.name == "gather.py" or file.parent.name == "lint":
        return True  # a host's JSON, which its reader takes apart; documentation of ours
    if file.is_relative_to(ROOT / "pgdeploy") and getattr(call.func, "attr", "line") == "line":
        return True  # a function of this name: only pytest has a terminal that prints by `line`
    names = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
    return not call.args or isinstance(call.args[0], ast.Constant) or bool(names & SAFE)
