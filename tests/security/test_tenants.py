"""Owners of databases, and roles with CREATEROLE: what they make turns no gate green and stops no apply."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.core.facts import Facts, ServerFact
from pgdeploy.errors import ApplyError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server import guard
from pgdeploy.layers.server.role_dropping import Leaving, UndeclaredRoles
from pgdeploy.layers.server.rolefact import HELD, ROLES, HeldFact, RoleFact
from pgdeploy.layers.server.setting import SETTINGS
from pgdeploy.reach.embedded import Cluster
from tests.program import pgdeploy as pgdeploy_program

SPEC = """\
postgres: {major}
connect: {{dsn: host=x}}
undeclared: {{roles: ignore, databases: ignore}}
roles:
  postgres: {{superuser: true, login: true}}
  mallory: {{login: true, createrole: true}}
  keeper: {{login: true}}
  {more}
databases:
  shop:
    owner: mallory
    schemas: {{work: {{owner: mallory}}, public: {{}}}}
    ownership:
      - {{on: {{schema: work, all: tables}}, owner: mallory}}
    grants:
      - {{grant: [USAGE], on: {{schema: work}}, to: [keeper]}}
"""


@pytest.fixture(params=["server14", "server16", "server18"])
def server(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """mallory owns a database and makes roles."""
    server: Cluster = request.getfixturevalue(request.param)
    with server.open() as connection:
        connection.execute("CREATE ROLE mallory LOGIN CREATEROLE")
        connection.execute("CREATE ROLE keeper LOGIN")
        connection.execute("CREATE DATABASE shop OWNER mallory")
    _run(server, "CREATE SCHEMA work AUTHORIZATION mallory", "GRANT USAGE ON SCHEMA work TO keeper")
    try:
        yield server
    finally:
        with server.open() as connection:
            connection.execute("DROP DATABASE shop WITH (FORCE)")
            connection.execute(
                "DO $$ DECLARE r record; BEGIN FOR n IN 1..3 LOOP "
                "FOR r IN SELECT rolname FROM pg_roles WHERE oid >= 16384 LOOP "
                "BEGIN EXECUTE format('DROP OWNED BY %I', r.rolname); EXECUTE format('DROP ROLE %I', r.rolname); "
                "EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END; END LOOP; END LOOP; END $$"
            )


def _run(server: Cluster, *texts: str, role: str = "") -> None:
    with psycopg.connect(server.dsn, dbname="shop", autocommit=True) as connection:
        for text in (*([f"SET ROLE {role}"] if role else []), *texts):
            connection.execute(text.encode())


def _major(server: Cluster) -> int:
    with server.open() as connection:
        return connection.info.server_version // 10000


def _target(server: Cluster, folder: Path, more: str = "") -> Target:
    (folder / "specs").mkdir(exist_ok=True)
    file = folder / "specs/prod.yaml"
    file.write_text(SPEC.format(major=_major(server), more=more))
    return load_target(file)


def _drifts(target: Target, server: Cluster) -> dict[str, Finding]:
    facts = target.read(server)
    findings = [evaluate(check, facts) for check in (*target.checks, *target.probes)]
    return {finding.check.id: finding for finding in findings if finding.verdict is Verdict.DRIFTS}


def _pgdeploy(server: Cluster, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    done = pgdeploy_program(words[0], "prod", "--dsn", server.dsn, *words[1:], cwd=folder)
    assert "defect" not in done.stderr
    assert "Traceback" not in done.stderr
    return done


# -- green ---------------------------------------------------------------------------------------------


def test_what_somebody_adds_to_an_extension_of_theirs_is_no_part_of_it(
    server: Cluster, tmp_path: Path
) -> None:
    """The server would take its ACL for the extension's own."""
    target = _target(server, tmp_path)
    assert _drifts(target, server) == {}
    _run(server, "DROP EXTENSION plpgsql")
    _run(
        server,
        "CREATE EXTENSION plpgsql",
        "CREATE TABLE work.open ()",
        "GRANT SELECT ON work.open TO PUBLIC, keeper",
        role="mallory",
    )
    _run(server, "ALTER TABLE work.open OWNER TO mallory", "ALTER SCHEMA public OWNER TO mallory")
    _run(
        server,
        "GRANT CREATE ON SCHEMA public TO PUBLIC, keeper",
        "ALTER EXTENSION plpgsql ADD TABLE work.open",
        "ALTER EXTENSION plpgsql ADD SCHEMA work",
        role="mallory",
    )
    _run(server, "ALTER EXTENSION plpgsql ADD SCHEMA public", role="mallory")
    found = _drifts(target, server)["grant[shop].undeclared"].actual
    assert "SELECT on table work.open for PUBLIC" in found
    assert "SELECT on table work.open for keeper" in found
    assert "CREATE on schema public for keeper" in found
    if _major(server) >= 15:
        assert "CREATE on schema public for PUBLIC" in found


def test_nobody_keeps_a_way_into_a_declared_role_by_making_it_first(server: Cluster, tmp_path: Path) -> None:
    """From 16 whoever creates a role has ADMIN on it, and so whatever it is given later."""
    _run(server, "CREATE ROLE app LOGIN PASSWORD 'known'", role="mallory")
    target = _target(server, tmp_path, "app: {login: true}")
    drifts = _drifts(target, server)
    if _major(server) < 16:
        assert drifts == {}
        return
    assert drifts["membership[mallory].undeclared"].actual == "mallory in app"
    assert _pgdeploy(server, tmp_path, "apply", "--yes").returncode == 0
    assert _drifts(target, server) == {}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _run(server, "GRANT app TO mallory", role="mallory")


def test_a_backup_reads_large_objects_too(server: Cluster, tmp_path: Path) -> None:
    """pg_dump stops at one that it cannot read, and pg_read_all_data does not reach them."""
    more = "backup: {login: true, purpose: backup, member_of: [pg_read_all_data]}"
    with server.open() as connection:
        connection.execute("CREATE ROLE backup LOGIN IN ROLE pg_read_all_data")
    target = _target(server, tmp_path, more)
    _run(server, "SELECT lo_create(4711), lo_create(4712)", "GRANT SELECT ON LARGE OBJECT 4712 TO backup")
    _run(server, "ALTER LARGE OBJECT 4711 OWNER TO mallory")
    found = _drifts(target, server)["role[backup].reads_everything"]
    assert found.actual == "cannot read shop: large object 4711 (no SELECT)"
    _run(server, "GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC")
    assert "role[backup].reads_everything" not in _drifts(target, server)


# -- crash and hang ------------------------------------------------------------------------------------


@pytest.fixture
def latin(server: Cluster) -> Iterator[None]:
    """A role whose name is no UTF-8, as anybody with CREATEROLE can make one in a database of another encoding."""
    with server.open() as connection:
        connection.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")
    with server.open("latin") as connection:
        connection.execute('CREATE ROLE "café" LOGIN')
    try:
        yield
    finally:
        with server.open("latin") as connection:
            connection.execute('DROP ROLE "café"')
        with server.open() as connection:
            connection.execute("DROP DATABASE latin WITH (FORCE)")


def test_a_name_that_is_no_utf8_crashes_nothing(
    server: Cluster, latin: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "secret")
    _target(server, tmp_path, "app: {login: true, password: {env: SECRET}}")
    assert _pgdeploy(server, tmp_path, "apply", "--yes").returncode == 0
    assert _pgdeploy(server, tmp_path, "check").returncode == 0
    with server.open("latin") as holder:
        holder.execute('SET SESSION AUTHORIZATION "café"')
        holder.execute("SELECT pg_advisory_lock(%s, %s)", guard.LOCK)
        _run(server, "REVOKE USAGE ON SCHEMA work FROM keeper")
        said = _pgdeploy(server, tmp_path, "apply", "--yes").stderr
    assert "another apply is running on this server (backend " in said
    assert "if that is no apply, as anybody can take its lock, end it with pg_terminate_backend" in said


def test_who_holds_the_lock_of_those_that_write_is_named(server: Cluster, tmp_path: Path) -> None:
    """It is taken by nobody while an apply begins; so a tenant that takes it later stops it."""
    with guard.alone(server) as held, server.open() as holder:
        holder.execute("SELECT pg_advisory_lock(%s, %s)", guard.WRITER)
        said = r"no apply's holds the lock .*backend \d+ of postgres.; end it"
        with pytest.raises(ApplyError, match=said), held.session() as _:
            pass


def test_many_undeclared_roles_cost_steps_by_their_number() -> None:
    """Anybody with CREATEROLE makes as many as they like."""

    def seconds(number: int) -> float:
        roles = tuple(
            RoleFact(20000 + at, f"r{at}", False, True, False, False, False, False, False, -1, None)
            for at in range(number)
        )
        held = tuple(HeldFact(role.name, "shop", 0, 1, 0) for role in roles)
        facts = Facts(
            ServerFact(160000, "postgres", True, "UTF8", False),
            None,
            {ROLES.name: roles, HELD.name: held, SETTINGS.name: ()},
            {},
        )
        resource = UndeclaredRoles(Leaving(frozenset(), frozenset(), "drift", {}))
        start = time.process_time()
        findings = [evaluate(check, facts) for check in resource.checks()]
        assert len([*resource.changes(findings, facts)]) == 2 * number
        return time.process_time() - start

    seconds(100)
    assert seconds(8000) < 24 * seconds(1000)


# -- an apply that is held off -------------------------------------------------------------------------


def test_nobody_keeps_a_role_from_being_dropped_by_naming_it(server: Cluster, tmp_path: Path) -> None:
    with server.open() as connection:
        connection.execute("CREATE ROLE gone")
        connection.execute("CREATE ROLE pgdeploy_nobody")
    _run(
        server,
        "CREATE FOREIGN DATA WRAPPER away",
        "CREATE SERVER away FOREIGN DATA WRAPPER away",
        "ALTER SERVER away OWNER TO mallory",
    )
    _run(
        server,
        "CREATE TABLE work.mine ()",
        "CREATE POLICY theirs ON work.mine TO gone, keeper",
        "CREATE USER MAPPING FOR gone SERVER away",
        role="mallory",
    )
    target = _target(server, tmp_path, "gone: {state: absent}")
    gate = Gate(target, ConnectionOptions(dsn=server.dsn))
    lost = [change.lost for change in gate.plan().changes]
    assert "and its part in 2 policies, user mappings or first privileges" in lost[0]
    gate.close()
    done = _pgdeploy(server, tmp_path, "apply", "--yes", "--allow-destructive")
    assert (done.returncode, "nothing is left to change" in done.stdout) == (0, True), done.stderr
    with server.open() as connection:
        left = connection.execute(
            "SELECT rolname::text FROM pg_roles WHERE rolname ~ 'gone|nobody'"
        ).fetchall()
    assert left == [("pgdeploy_nobody",)]


def test_what_was_passed_on_of_a_superuser_goes_with_it(server: Cluster, tmp_path: Path) -> None:
    with server.open() as connection:
        connection.execute("CREATE ROLE boss SUPERUSER")
        connection.execute("CREATE ROLE between")
        connection.execute("CREATE ROLE below")
        connection.execute("GRANT boss TO between WITH ADMIN OPTION")
        by = "GRANTED BY between" if _major(server) >= 16 else ""
        connection.execute(f"GRANT boss TO below {by}".encode())
    _target(server, tmp_path)
    done = _pgdeploy(server, tmp_path, "apply", "--yes", "--allow-destructive")
    assert (done.returncode, "nothing is left to change" in done.stdout) == (0, True), done.stderr
    with server.open() as connection:
        assert (
            connection.execute("SELECT FROM pg_auth_members WHERE roleid::regrole::text = 'boss'").fetchall()
            == []
        )
