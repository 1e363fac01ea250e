"""Secrets in settings and hba options as values: compared in clear, written in clear, shown and hashed without."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.errors import SpecError
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.host.file import hba_file, settings_file
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.change import Statement, literal
from pgdeploy.layers.server.plan import Plan, as_data, plan
from pgdeploy.postgres.parameter import MAJORS, parameters
from pgdeploy.reach.embedded import Cluster
from pgdeploy.secret.place import holds_secret, scrub, shown_line, shown_setting
from pgdeploy.secret.reference import Secret
from pyinfra_deploys.remote import configure
from pyinfra_deploys.remote.unsaid import without_secrets
from tests.conftest import not_conforming

FILES = (
    r"""
work_mem = '4MB'
primary_conninfo = 'host=10.0.0.1 user=standby password=''canary one'''
archive_command = 'curl -u backup:canary2 -T %p https://wal.example.org/%f'
ssl_passphrase_command = 'printf canary3'
app.jwt_secret = 'canary4\\x\nline'
ssl_key_file = '/etc/ssl/private/server.key'
""",
    'host "all" "all" 10.0.0.0/8 radius radiusservers="10.0.0.9" radiussecrets="canary5 ""six"""\n',
)
"""postgresql.conf and pg_hba.conf, as pgdeploy writes them on a host."""

QUOTED = [
    (
        'invalid value for parameter "archive_command": "curl -u backup:canary2 -T %p"',
        'parameter "archive_command"',
    ),
    ('invalid value for parameter "primary_conninfo": "host=a password=\'canary one\'"', "host=a"),
    ('parameter "app.jwt_secret" changed to "canary4\\x\nline"', "app.jwt_secret"),
    ('syntax error in file "/etc/new.conf" line 5, near token "canary2"', "line 5"),
    (
        'FATAL:  invalid connection string syntax: missing "=" after "canary" in connection info string',
        "FATAL",
    ),
    ('FATAL:  command "printf canary3" failed', "printf"),
    ('FATAL:  could not execute command "printf canary3": No such file', "could not execute"),
    ("The failed archive command was: curl -u backup:canary2 -T x https://wal.example.org/x", "curl"),
    ("authentication option not in name=value format: canary5", "not in name=value format"),
    ('could not parse RADIUS secrets list "canary5 "six""', "could not parse RADIUS"),
]
"""What a server says of them, and what of it must be left."""

HARMLESS = [
    'could not load private key file "/etc/ssl/private/server.key": bad decrypt',
    'invalid value for parameter "work_mem": "4XB"',
    'unrecognized configuration parameter "wrok_mem" in file "/etc/x.conf" line 3',
]

SPEC = """\
postgres: 16
undeclared: {roles: ignore, databases: ignore}
settings:
  primary_conninfo: {env: CONNINFO}
hba:
  - {type: host, database: all, user: all, address: 10.0.0.0/8, method: radius, options:
      {radiusservers: [127.0.0.1, 127.0.0.2], radiussecrets: [{env: RADIUS_A}, {env: RADIUS_B}]}}
"""
CONNINFO, RADIUS = "host=10.0.0.1 password='canary one'", ('canary "two", x', "canary3")


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    for name, value in (("CONNINFO", CONNINFO), ("RADIUS_A", RADIUS[0]), ("RADIUS_B", RADIUS[1])):
        monkeypatch.setenv(name, value)
    file = tmp_path / "spec.yaml"
    file.write_text(SPEC)
    return load_target(file)


@pytest.fixture
def server(server16: Cluster) -> Iterator[Cluster]:
    yield server16
    with server16.open() as connection:
        connection.execute("ALTER SYSTEM RESET ALL")
        server16.write_hba("")
        connection.execute("SELECT pg_catalog.pg_reload_conf()")


def _plan(target: Target, server: Cluster) -> Plan:
    return plan(target.spec, target.resources, target.read(server))


def _findings(target: Target, server: Cluster) -> dict[str, Finding]:
    facts = target.read(server)
    return {check.id: evaluate(check, facts) for check in target.checks}


def test_references_are_written_in_clear_and_shown_nowhere(server: Cluster, target: Target) -> None:
    planned = _plan(target, server)
    assert "canary" not in json.dumps([as_data(change) for change in planned.changes])
    assert "canary" not in repr(planned)
    apply(planned, server)
    file = server.data / "pg_hba.conf"
    assert 'radiussecrets="""canary """"two"""", x"",canary3"' in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    with server.open() as connection:
        assert connection.execute("SHOW primary_conninfo").fetchone() == (CONNINFO,)
    found = _findings(target, server)
    assert not_conforming(found.values()) == []
    assert "canary" not in repr([(one.desired, one.actual) for one in found.values()])


def test_another_secret_drifts_and_says_so(
    server: Cluster, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(_plan(target, server), server)
    monkeypatch.setenv("CONNINFO", CONNINFO.replace("one", "1"))
    monkeypatch.setenv("RADIUS_B", "another")
    found = _findings(target, server)
    assert (
        found["setting[primary_conninfo].value"].actual == "host=10.0.0.1 password=******** (another secret)"
    )
    rule = found["hba[host all all 10.0.0.0/8].method"]
    assert rule.verdict is Verdict.DRIFTS
    assert rule.actual == f"{rule.desired} (another secret)"
    monkeypatch.delenv("CONNINFO")
    unread = _findings(target, server)["setting[primary_conninfo].value"]
    assert (unread.verdict, unread.reason) == (Verdict.UNREADABLE, "secret env CONNINFO: is not set")


def test_how_a_list_is_quoted_on_the_server_is_no_drift(server: Cluster, target: Target) -> None:
    apply(_plan(target, server), server)
    file = server.data / "pg_hba.conf"
    server.write_hba(file.read_text().replace(",canary3", ' , ""canary3""'), whole=True)
    with server.open() as connection:
        connection.execute("SELECT pg_catalog.pg_reload_conf(), pg_catalog.pg_sleep(0.2)")
    assert not_conforming(_findings(target, server).values()) == []


def test_the_digest_of_a_plan_knows_the_secret_and_no_plain_hash_of_it(
    server: Cluster, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = _plan(target, server)
    assert planned.hidden == _plan(target, server).hidden
    shown = json.dumps([as_data(change) for change in planned.changes])
    hidden = [statement.sent() for change in planned.changes for statement in change.statements]
    guesses = (shown, *hidden, shown + hidden[0], json.dumps(hidden), shown + json.dumps(hidden))
    assert planned.hidden not in {sha256(guess.encode()).hexdigest() for guess in guesses}
    monkeypatch.setenv("CONNINFO", CONNINFO.replace("one", "1"))
    assert _plan(target, server).hidden != planned.hidden


def test_the_digest_of_a_spec_too(tmp_path: Path) -> None:
    digests = set()
    for secret in ("one", "two", "two"):
        file = tmp_path / "spec.yaml"
        file.write_text(f"postgres: 16\nsettings: {{primary_conninfo: password={secret}}}\n")
        digests.add(load_target(file).loaded.digest)
        plain = json.dumps(
            {"postgres": 16, "settings": {"primary_conninfo": f"password={secret}"}}, sort_keys=True
        )
        assert sha256(plain.replace(": ", ":").replace(", ", ",").encode()).hexdigest() not in digests
    assert len(digests) == 2


def test_the_files_of_a_host_are_made_without_reading_a_secret_unless_they_are_written(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, rules = settings_file(target.spec, reveal=True), hba_file(target.spec, reveal=True)
    assert rules is not None
    assert "canary one" in written.text
    assert "canary3" in rules.text
    assert (written.mode, rules.mode) == ("0640", "0640")
    for name in ("CONNINFO", "RADIUS_A", "RADIUS_B"):
        monkeypatch.delenv(name)
    shown = hba_file(target.spec)
    assert shown is not None
    assert "********" in shown.text
    assert "********" in settings_file(target.spec).text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("settings: {work_mem: {env: X}}", "work_mem holds no secret; write its value"),
        (
            "hba: [{type: local, database: all, user: all, method: peer, options: {map: {env: X}}}]",
            "map holds no secret; write its value",
        ),
        (
            "hba: [{type: local, database: all, user: all, method: ldap, options: {ldapserver: [a, b]}}]",
            "ldapserver takes one value",
        ),
    ],
)
def test_a_reference_stands_only_where_a_secret_can(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(f"postgres: 16\n{line}\n")
    with pytest.raises(SpecError, match=said):
        load_target(file)


@given(secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=20))
def test_a_server_that_quotes_the_value_is_quoted_without_it(secret: str) -> None:
    value = f"host=a password={literal(secret)[literal(secret).index(chr(39)) :]}"
    shown = f"ALTER SYSTEM SET x TO {literal('host=a password=********')}"
    statement = Statement(shown, Secret(f"ALTER SYSTEM SET x TO {literal(value)}"))
    assert secret not in statement.silenced(f'invalid value for parameter "x": "{value}"')


@given(st.text(st.sampled_from("ab1=:/@?&'\"\\ $-%;|<>`(){}.\n\t,#~!*"), max_size=80))
def test_masking_takes_any_text(text: str) -> None:
    for name in ("archive_command", "primary_conninfo", "app.api_key", "app.dsn", "work_mem"):
        assert isinstance(shown_setting(name, text), str)
    assert isinstance(scrub(text) + shown_line(text), str)


def test_masking_is_linear() -> None:
    for text in (
        "a" * 200_000,
        "pass" * 50_000,
        "://" * 60_000,
        "'" * 100_001,
        "/a" * 100_000,
        "a=" * 100_000,
    ):
        for name in ("archive_command", "primary_conninfo", "work_mem"):
            shown_setting(name, text)
        shown_line(text)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("pgbackrest --stanza=main archive-push %p",) * 2,
        ("test ! -f /mnt/wal/%f && cp %p /mnt/wal/%f",) * 2,
        ("envdir /etc/wal-g.d/env wal-g wal-push %p",) * 2,
        ("rsync -a %p postgres@backup:/wal/%f",) * 2,
        ("aws s3 cp %p s3://bucket/wal/%f --region eu-central-1",) * 2,
        ("gzip < %p > /archive/%f.gz",) * 2,
        ("PGPASSWORD=x psql", "PGPASSWORD=******** psql"),
        ("curl -T %p https://bob:x@y@h/%f?sig=z", "curl -T %p https://********@h/%f?********"),
        ("tool --password x --token=y", "tool --password ******** --token=********"),
        ("tool 'does not end", "********"),
    ],
)
def test_a_command_shows_what_is_plainly_no_secret(command: str, shown: str) -> None:
    assert shown_setting("archive_command", command) == shown


# -- on a host -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "left"), QUOTED)
def test_a_host_quotes_its_server_without_secrets(said: str, left: str) -> None:
    """Of the spec's own files, and by what stands around it also of files that somebody else wrote."""
    for files in (FILES, ()):
        shown = without_secrets(said, files)
        assert not re.search("canary|six", shown), shown
        assert left in shown


def test_a_word_of_a_secret_is_known_without_anything_around_it() -> None:
    assert without_secrets('could not resolve "one", then "canary2"', FILES) == (
        'could not resolve "********", then "********"'
    )


@pytest.mark.parametrize("said", HARMLESS)
def test_what_a_server_says_of_other_things_is_left(said: str) -> None:
    assert without_secrets(said, FILES) == said


def test_the_refusal_of_settings_shows_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way: the program of the server is a script that quotes the file that it is given."""
    server = tmp_path / "postgres"
    server.write_text(
        "#!/bin/sh\nfor word; do case $word in config_file=*) f=${word#*=};; esac; done\n"
        'tr "\\n" " " <"${f%/*}/new.conf" >&2; exit 1\n'
    )
    server.chmod(0o755)
    run = subprocess.run
    monkeypatch.setattr(configure, "numbers_of", lambda *_: (os.getuid(), os.getgid()))
    monkeypatch.setattr(subprocess, "run", lambda words, **more: run(words[4:], **more))
    question = {
        "files": [{"path": "/etc/pgdeploy.conf", "text": FILES[0]}, {"path": "/etc/hba", "text": FILES[1]}],
        "config": "/etc/postgresql.conf",
        "postgres": str(server),
    }
    with pytest.raises(SystemExit) as refused:
        configure._try_settings(question)
    assert str(refused.value).startswith(
        "PostgreSQL refuses the settings, nothing is changed: work_mem = '4MB'"
    )
    assert "canary" not in str(refused.value)


def test_the_refusal_of_files_and_of_a_start_show_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "start.log"
    log.write_text('2026 [1] FATAL:  command "printf canary3" failed\n')
    question = {
        "files": [{"path": "/etc/hba", "text": FILES[1]}],
        "start_log": str(log),
        "unit": "none",
        "maps": False,
    }
    assert configure._log(question, 0) == 'FATAL:  command "printf ********" failed'
    monkeypatch.setattr(configure, "_sql", lambda *_: [['pg_hba.conf:1: bad list "canary5 "six""']])
    monkeypatch.setattr(configure, "_put_back", lambda: None)
    with pytest.raises(SystemExit) as refused:
        configure._load(question)
    assert str(refused.value).endswith('pg_hba.conf:1: bad list "********"')


def test_a_core_setting_that_only_sounds_secret_is_shown() -> None:
    """The names that sound so are listed, because on a host there is no list of all settings."""
    names = {name for major in MAJORS for name in parameters(major) if "." not in name}
    assert {name for name in names if holds_secret(name)} == {
        "archive_cleanup_command",
        "archive_command",
        "primary_conninfo",
        "recovery_end_command",
        "restore_command",
        "ssl_passphrase_command",
    }
