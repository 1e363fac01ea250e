"""Each place that holds a secret in clear, and each output: no output has any of them, the server's own included.

A canary stands in every setting, option and connection string that can hold a secret: one in the spec, another on the
server. All commands run, and what they say, write and leave in the server's log is searched for all of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pgdeploy.reach.embedded import Cluster
from tests.conftest import FAST, programs

PLACES: Mapping[str, str] = {
    "conninfo": "host=10.0.0.1 user=r password={}",
    "conninfo_quoted": "host=10.0.0.1 password='{} \\' x' sslpassword={}",
    "conninfo_uri": "postgresql://r:{}@10.0.0.1/?sslpassword={}",
    "conninfo_malformed": "host=10.0.0.1 password={} {}",
    "command_variable": "PGPASSWORD={} AWS_SECRET_ACCESS_KEY={} cp %p /wal/%f",
    "command_option": "tool --password={} --token {} -p{} push %p",
    "command_user": "curl -u bob:{} -T %p https://bob:{}@backup.example.org/%f?sig={}",
    "command_word": "push {} %p",
    "command_inside": "sh -c 'KEY={} wal-g wal-push %p'",
    "command_malformed": "tool '{}",
    "passphrase": "echo {}",
    "whole": "{}",
}
"""How a canary stands in a value."""

SETTINGS: Mapping[str, str] = {
    "primary_conninfo": "conninfo",
    "archive_command": "command_variable",
    "restore_command": "command_user",
    "archive_cleanup_command": "command_word",
    "recovery_end_command": "command_inside",
    "ssl_passphrase_command": "passphrase",
}
OF_SESSIONS: Mapping[str, str] = {
    "vector.jwt_secret": "whole",
    "vector.api_key": "whole",
    "vector.dsn": "conninfo_uri",
    "vector.quoted_conninfo": "conninfo_quoted",
    "vector.malformed_conninfo": "conninfo_malformed",
    "vector.upload_command": "command_option",
    "vector.other_command": "command_malformed",
    "vector.home": "conninfo_uri",
}
"""Of ALTER ROLE and ALTER DATABASE ... SET: extensions and applications keep their own there."""


def canary(place: str, whose: str) -> str:
    return f"Cnry7{''.join(part[:4] for part in place.split('_'))}{whose}9Zq"


def value(form: str, place: str, whose: str) -> str:
    return PLACES[form].replace("{}", canary(place, whose))


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def spec() -> str:
    lines = ["postgres: 16", "undeclared: {roles: ignore, databases: ignore}", "settings:"]
    lines += [f"  {name}: {quoted(value(form, name, 'spec'))}" for name, form in SETTINGS.items()]
    lines += ["hba:", "  - {type: local, database: all, user: all, method: trust}"]
    rule = "  - {type: host, database: all, user: all, "
    bind = f"ldapserver: x, ldapbasedn: dc=x, ldapbindpasswd: {canary('ldap', 'spec')}"
    lines.append(f"{rule}address: 10.0.0.0/8, method: ldap, options: {{{bind}}}}}")
    shared = "radiusservers: [a, b], radiussecrets: [{env: RADIUS_A}, {file: radius}]"
    lines.append(f"{rule}address: 11.0.0.0/8, method: radius, options: {{{shared}}}}}")
    lines += ["roles:", "  app:", "    settings:"]
    lines += [f"      {name}: {quoted(value(form, name, 'role'))}" for name, form in OF_SESSIONS.items()]
    lines += ["databases:", "  app:", "    extensions: {vector: {}}", "    settings:"]
    lines += [f"      {name}: {quoted(value(form, name, 'base'))}" for name, form in OF_SESSIONS.items()]
    return "\n".join(lines) + "\n"


def prepare(server: Cluster) -> None:
    hba = [
        f'host all all 10.0.0.0/8 ldap ldapserver=x ldapbasedn="dc=x" ldapbindpasswd="{canary("ldap", "mine")}"',
        f'host all all 11.0.0.0/8 radius radiusservers="a,b" radiussecrets="{canary("radius", "mine")},y"',
        f"host all all 12.0.0.0/8 ldap {canary('hbaword', 'mine')}",
    ]
    statements = [
        f"ALTER SYSTEM SET {name} TO {quoted(value(form, name, 'mine'))}" for name, form in SETTINGS.items()
    ]
    for name, form in OF_SESSIONS.items():
        for whose, target in (("mrol", "ROLE app"), ("mbas", "DATABASE app"), ("mall", "ROLE ALL")):
            text = quoted(value(form, name, whose))
            statements.append(f"ALTER {target} SET {name} TO {text}")
        text = quoted(value(form, name, "mine"))
        statements.append(f"ALTER ROLE app IN DATABASE app SET {name} TO {text}")
    with server.open() as connection:
        for statement in ("CREATE ROLE app", "CREATE DATABASE app", *statements):
            connection.execute(statement.encode())
        server.write_hba("local all all trust\n" + "\n".join(hba) + "\n")
        connection.execute("SELECT pg_catalog.pg_reload_conf()")


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    found = programs(16)
    assert found is not None
    with TemporaryDirectory(prefix="pgdeploy-test-") as home:
        Path(home).chmod(0o755)
        loud = "-c log_statement=all -c log_min_duration_statement=0 -c log_min_error_statement=error"
        made = Cluster(Path(home) / "home", found, options=(*FAST, loud))
        made.start()
        try:
            yield made
        finally:
            made.stop()


def run(folder: Path, *words: str) -> str:
    """Everything that a command says, tracebacks too."""
    environment = {**os.environ, "RADIUS_A": canary("radiusa", "spec"), "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode in (0, 1, 2), done.stderr
    return done.stdout + done.stderr


def outputs(folder: Path, server: Cluster) -> dict[str, str]:
    """What each command says, by its name."""
    way = ("specs/app.yaml", "--dsn", server.dsn)
    since = server.log.stat().st_size
    said = {
        "lint": run(folder, "pgdeploy", "lint", "specs/app.yaml"),
        "check": run(folder, "pgdeploy", "check", *way),
        "check --json": run(folder, "pgdeploy", "check", *way, "--json"),
        "plan": run(folder, "pgdeploy", "plan", *way),
        "plan --json": run(folder, "pgdeploy", "plan", *way, "--json", "--out", "plan.json"),
        "pytest": run(
            folder,
            *("pytest", "--target", "app", "--dsn", server.dsn, "-vvv", "-rA"),
            *("--showlocals", "--junitxml=junit.xml", "--pgdeploy-report=report.json", "--no-probes"),
        ),
        "apply": run(folder, "pgdeploy", "apply", *way, "--yes", "--skip-unreadable"),
    }
    for file in ("plan.json", "junit.xml", "report.json"):
        said[file] = (folder / file).read_text()
    said["server log"] = server.log.read_bytes()[since:].decode(errors="replace")
    return said


def leaks(said: Mapping[str, str]) -> list[str]:
    lines = [(name, line) for name, text in said.items() for line in text.splitlines()]
    return [f"{name}: {line[:300]}" for name, line in lines if "Cnry7" in line and not own_word(name, line)]


def own_word(name: str, line: str) -> bool:
    """The postmaster logs what a reload changed, whatever a session of ours says; docs/security.md names it."""
    return name == "server log" and ' LOG:  parameter "' in line and '" changed to "' in line


def test_no_output_holds_a_secret(server: Cluster, tmp_path: Path) -> None:
    prepare(server)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/app.yaml").write_text(spec())
    (tmp_path / "radius").write_text(canary("radiusb", "spec") + "\n")
    said = outputs(tmp_path, server)
    assert not leaks(said)
    assert "********" in said["check"]
    assert "********" in said["plan.json"]
