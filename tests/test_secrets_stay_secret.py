"""Canary passwords, and everything that could give them away: they are nowhere.

All commands run against a server that logs all it can, with statements that fail and logins that are
refused, while a watcher looks at the machine's command lines, the server's environment and what its
sessions run. A SCRAM verifier is no password, but lets others guess at one: it is in no output of ours,
and in the server's log only where our user may not keep it out.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Self
from urllib.parse import quote, quote_plus

import psycopg
import pytest

from pgdeploy.gate.target import load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import plan
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.report.plan import permitted

CANARIES = {
    "env": "canary of the env %7Q/x+'\"é",
    "file": "canary of a file %8R/y+'\"ü",
    "command": "canary of a command %9S/z+'\"ñ",
}
VERIFIER = re.compile(r"SCRAM-SHA-256\$\d+:")

SPEC = """\
postgres: 16
undeclared: {roles: ignore, databases: ignore}
roles:
  canary_env: {login: true, password: {env: CANARY}, settings: {work_mem: 8MB}}
  canary_file: {login: true, password: {file: ../secret/file}}
  canary_command: {login: true, password: {command: [sh, secret/command.sh]}}
databases:
  canary_db: {owner: canary_file}
"""
LOUD_SPEC = """\
extends: canary
settings: {log_statement: all, log_min_duration_statement: 0, log_connections: true}
"""
OWN_TEST = """\
def test_fails(connect_as, facts, target):
    connection = connect_as("canary_file")
    assert connection is target
def test_is_refused(connect_as):
    connect_as("canary_env")
"""
LOUD = {
    "log_statement": "all",
    "log_min_duration_statement": "0",
    "log_min_duration_sample": "0",
    "log_transaction_sample_rate": "1",
    "log_connections": "on",
    "log_disconnections": "on",
    "log_duration": "on",
    "log_lock_waits": "on",
    "debug_print_parse": "on",
    "debug_print_rewritten": "on",
    "deadlock_timeout": "50ms",
}
CLEAN = "DROP DATABASE IF EXISTS canary_db", "DROP ROLE IF EXISTS canary_env, canary_file, canary_command"


def leaks(text: str | bytes) -> list[str]:
    """The canaries that can be read from this."""
    data = text.encode() if isinstance(text, str) else text
    return [name for name, value in CANARIES.items() if any(form in data for form in _forms(value))]


def _forms(value: str) -> list[bytes]:
    sql = value.replace("'", "''")
    based = b64encode(value.encode()).rstrip(b"=")
    ascii_json = value.encode("unicode_escape").replace(b'"', b'\\"')
    return [
        based,
        ascii_json,
        *(form.encode() for form in (value, sql, quote(value, safe=""), quote_plus(value))),
    ]


# -- watching ------------------------------------------------------------------------------------------


class Watcher:
    """Samples what others on the machine, and on the server, can see."""

    def __init__(self, server: Cluster) -> None:
        self.command_lines: set[bytes] = set()
        self.environments: set[bytes] = set()
        self.queries: set[str] = set()
        self._postmaster = (server.data / "postmaster.pid").read_text().split()[0]
        self._connection = server.open()
        self._end = Event()
        self._thread = Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._connection.close()

    def _watch(self) -> None:
        while not self._end.wait(0.01):
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    self.command_lines.add((process / "cmdline").read_bytes())
                    if self._postmaster in (process.name, _parent(process)):
                        self.environments.add((process / "environ").read_bytes())
            rows = self._connection.execute("SELECT query FROM pg_stat_activity WHERE query <> ''").fetchall()
            self.queries.update(str(row[0]) for row in rows)


def _parent(process: Path) -> str:
    return (process / "stat").read_text().rpartition(")")[2].split()[1]


# -- the story -----------------------------------------------------------------------------------------


class Story:
    """A folder with the spec and its secrets, and all that the commands said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: dict[str, str] = {}
        self.codes: dict[str, int] = {}
        (folder / "specs").mkdir()
        (folder / "specs/canary.yaml").write_text(SPEC)
        (folder / "specs/loud.yaml").write_text(LOUD_SPEC)
        (folder / "specs/test_own.py").write_text(OWN_TEST)
        (folder / "secret").mkdir()
        (folder / "secret/file").write_text(CANARIES["file"] + "\n")
        (folder / "secret/printed").write_text(CANARIES["command"] + "\n")
        self.command("cat secret/printed")

    def command(self, script: str) -> None:
        (self.folder / "secret/command.sh").write_text(script)

    def run(self, title: str, *arguments: str, module: str = "pgdeploy") -> None:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            check=False,
            capture_output=True,
            cwd=self.folder,
            env={**os.environ, "CANARY": CANARIES["env"], "COLUMNS": "300"},
            stdin=subprocess.DEVNULL,
        )
        self.said[title] = (done.stdout + done.stderr).decode(errors="replace")
        self.codes[title] = done.returncode

    def gate(self, title: str, *arguments: str) -> None:
        report = [f"--junitxml={title}.xml", f"--pgdeploy-report={title}.json"]
        loud = ["-vvv", "--showlocals", "--tb=long", "-rA", "-s", *report]
        self.run(title, "--target", "canary", *arguments, *loud, module="pytest")

    @property
    def written(self) -> dict[str, bytes]:
        """All files in the folder but the secrets themselves."""
        files = [file for file in self.folder.rglob("*") if file.is_file() and file.parent.name != "secret"]
        return {str(file.relative_to(self.folder)): file.read_bytes() for file in files}


@contextlib.contextmanager
def loud(server: Cluster) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The server logs all that it can; a superuser's connection to it."""
    with server.open() as connection:
        for name, value in LOUD.items():
            connection.execute(f"ALTER SYSTEM SET {name} TO '{value}'".encode())
        _reload(server, connection)
        try:
            yield connection
        finally:
            for name in LOUD:
                connection.execute(f"ALTER SYSTEM RESET {name}".encode())
            connection.execute("SELECT pg_reload_conf()")


def _reload(server: Cluster, connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute("SELECT pg_reload_conf()")
    for _ in range(1000):
        with server.open() as new:
            if new.execute("SHOW log_statement").fetchone() == ("all",):
                return
        time.sleep(0.01)
    raise AssertionError("the server does not log all")


@pytest.fixture(scope="module")
def told(server16: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Story, Watcher, str]]:
    """What was said and written, what the watcher saw, and the server's log."""
    story = Story(tmp_path_factory.mktemp("secrets"))
    before = server16.log.stat().st_size
    with loud(server16) as connection:
        try:
            with Watcher(server16) as watcher:
                _tell(story, server16, connection)
            with server16.log.open("rb") as log:
                log.seek(before)
                yield story, watcher, log.read().decode(errors="replace")
        finally:
            for statement in CLEAN:
                connection.execute(statement.encode())


def _tell(story: Story, server: Cluster, connection: psycopg.Connection[tuple[object, ...]]) -> None:
    dsn = ("--dsn", server.dsn)
    story.run("lint", "lint", "canary", "--json")
    story.run("plan", "plan", "canary", *dsn)
    story.run("plan as JSON", "plan", "canary", *dsn, "--json")
    story.run("plan, saved", "plan", "canary", *dsn, "--out", "plan.json")
    story.run("apply", "apply", "canary", *dsn, "--yes")
    story.run("check", "check", "canary", *dsn, "-v")
    story.gate("gate", *dsn)

    connection.execute("ALTER ROLE canary_env PASSWORD 'another'")
    story.run("check of a drift", "check", "canary", *dsn, "-v")
    story.run("check of a drift as JSON", "check", "canary", *dsn, "--json")
    story.gate("gate-drift", *dsn)
    story.run("plan of a drift", "plan", "canary", *dsn, "--out", "drift.json")
    # the other's row is locked: the password statement waits, and fails; the limit itself would be drift
    with connection.transaction(force_rollback=True):
        connection.execute("ALTER ROLE canary_env CONNECTION LIMIT 7")
        story.run("apply that fails", "apply", "canary", *dsn, "--yes", "--lock-timeout", "1s")
    story.run("apply of a saved plan", "apply", "canary", *dsn, "--yes", "--plan", "drift.json")

    story.command("cat secret/printed >&2; cat secret/printed; exit 3")
    story.run("check without a secret", "check", "canary", *dsn, "-v")
    story.gate("gate-unreadable", *dsn)
    story.command("cat secret/printed")


Told = tuple[Story, Watcher, str]


def test_the_story_is_what_it_should_be(told: Told) -> None:
    """What is searched below did happen."""
    story, watcher, log = told
    expected = {"lint": 0, "plan": 2, "apply": 0, "check": 0, "check of a drift": 2, "apply that fails": 1}
    assert {title: story.codes[title] for title in expected} == expected, story.said
    assert story.codes["check without a secret"] == 1
    assert "********" in story.said["plan"]
    assert "another password" in story.said["check of a drift"]
    assert re.search(r"role\[canary_env\]\.logs_in drifts", story.said["check of a drift"])
    assert "lock timeout" in story.said["apply that fails"]
    assert "ALTER ROLE \"canary_env\" PASSWORD '********'" in story.said["apply that fails"]
    assert story.codes["apply of a saved plan"] == 0, story.said["apply of a saved plan"]
    assert "connection = <" in story.said["gate"]  # --showlocals
    assert {
        "plan.json",
        "drift.json",
        "gate.xml",
        "gate-drift.xml",
        "gate-drift.json",
    } <= story.written.keys()
    assert any(b"pgdeploy\0apply" in line for line in watcher.command_lines)
    assert any("pg_catalog.pg_locks" in query for query in watcher.queries)
    assert watcher.environments
    assert "CREATE DATABASE" in log
    assert "password authentication failed" in log


def test_nothing_that_we_say_holds_a_password(told: Told) -> None:
    story = told[0]
    assert {title: found for title, text in story.said.items() if (found := leaks(text))} == {}


def test_nothing_that_we_write_holds_a_password(told: Told) -> None:
    written = told[0].written
    assert {name: found for name, data in written.items() if (found := leaks(data))} == {}


def test_nothing_that_we_say_or_write_holds_a_verifier(told: Told) -> None:
    story = told[0]
    texts = {**story.said, **{name: data.decode(errors="replace") for name, data in story.written.items()}}
    assert [title for title, text in texts.items() if VERIFIER.search(text)] == []


def test_nobody_on_the_machine_sees_a_password(told: Told) -> None:
    watcher = told[1]
    assert not any("SCRAM-SHA-256$" in query for query in watcher.queries)
    for seen in (watcher.command_lines, watcher.environments, watcher.queries):
        assert [leaks(text) for text in seen if leaks(text)] == []


def test_the_servers_log_holds_no_password(told: Told) -> None:
    assert leaks(told[2]) == []


def test_the_servers_log_holds_no_verifier(told: Told) -> None:
    log = told[2]
    assert [line for line in log.splitlines() if VERIFIER.search(line)] == []
    assert 'ALTER ROLE "canary_env" SET "work_mem"' in log  # all else is there


def test_an_embedded_server_keeps_no_password() -> None:
    with TemporaryDirectory(prefix="pgdeploy-secrets-") as home:
        Path(home).chmod(0o755)
        (Path(home) / "here").mkdir()
        story = Story(Path(home) / "here")
        here = ("--on", "embedded", "--data-dir", f"{home}/cluster")
        story.run("apply", "apply", "loud", *here, "--yes")
        story.run("check", "check", "loud", *here, "-v")
        assert story.codes == {"apply": 0, "check": 0}, story.said
        files = {file: file.read_bytes() for file in (Path(home) / "cluster").rglob("*") if file.is_file()}
        log = (Path(home) / "cluster/server.log").read_text()
        assert "CREATE DATABASE" in log
        assert not VERIFIER.search(log)
        assert [file for file, data in files.items() if leaks(data)] == []
        assert [title for title, text in story.said.items() if leaks(text)] == []


# -- the verifier in the server's log, by what our user may --------------------------------------------


@pytest.fixture(params=["server14", "server16"])
def server(request: pytest.FixtureRequest) -> Cluster:
    found: Cluster = request.getfixturevalue(request.param)
    return found


def logged(server: Cluster, folder: Path, monkeypatch: pytest.MonkeyPatch, user: str | None = None) -> str:
    """What the server logs of an apply by this user: of a role with a password between two without."""
    spec = folder / "log.yaml"
    spec.write_text(
        "postgres: 16\n"
        "undeclared: {roles: ignore, databases: ignore}\n"
        "roles: {log_a: {login: false}, log_b: {password: {env: CANARY}}, log_c: {login: false}}\n"
    )
    monkeypatch.setenv("CANARY", CANARIES["env"])
    target = load_target(spec)
    by_user = DsnServer(f"{server.dsn} user={user} password=deploys" if user else server.dsn)
    before = server.log.stat().st_size
    planned = plan(target.spec, target.resources, target.read(by_user))
    apply(permitted(planned, destructive=False, unreadable=True), by_user)
    with server.log.open("rb") as log:
        log.seek(before)
        return log.read().decode()


@contextlib.contextmanager
def deployer(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[str]:
    connection.execute("CREATE ROLE log_deployer LOGIN CREATEROLE PASSWORD 'deploys'")
    try:
        yield "log_deployer"
    finally:
        connection.execute("DROP ROLE IF EXISTS log_a, log_b, log_c")
        connection.execute("DROP OWNED BY log_deployer")
        connection.execute("DROP ROLE log_deployer")


def test_a_superuser_keeps_only_the_verifier_out_of_the_log(
    server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loud(server) as connection:
        try:
            log = logged(server, tmp_path, monkeypatch)
        finally:
            connection.execute("DROP ROLE IF EXISTS log_a, log_b, log_c")
    assert 'CREATE ROLE "log_a"' in log
    assert 'CREATE ROLE "log_c"' in log
    assert not VERIFIER.search(log)
    assert not leaks(log)


def test_who_may_set_them_keeps_it_out_too(
    server16: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loud(server16) as connection, deployer(connection) as user:
        names = ", ".join(name for name in LOUD if name.startswith("log_") and "connections" not in name)
        connection.execute(f"GRANT SET ON PARAMETER {names} TO {user}".encode())
        connection.execute(f"GRANT SET ON PARAMETER log_min_error_statement TO {user}".encode())
        log = logged(server16, tmp_path, monkeypatch, user)
    assert 'CREATE ROLE "log_c"' in log
    assert not VERIFIER.search(log)


def test_who_may_not_still_sends_no_password(
    server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server logs the verifier, as it does of everybody who sets a password."""
    with loud(server) as connection, deployer(connection) as user:
        log = logged(server, tmp_path, monkeypatch, user)
    assert 'CREATE ROLE "log_c"' in log
    assert VERIFIER.search(log)
    assert not leaks(log)
