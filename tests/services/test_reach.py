"""Engines and containers elsewhere: over ssh with sudo, and a container that somebody else made."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pgdeploy.gate.container.docker import attempt, docker
from tests.program import pgdeploy
from tests.services.place import Place
from tests.sshd import listening

pytestmark = [pytest.mark.docker, pytest.mark.long]


@pytest.fixture
def by_ssh(bare: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("sshd")
    home.chmod(0o700)
    return home


def test_over_ssh_with_sudo(bare: Place, by_ssh: Path) -> None:
    """By key, with strict host keys; nothing but docker is run there."""
    with listening(by_ssh, "127.0.0.1") as port:
        key = (by_ssh / "host.pub").read_text()
        (by_ssh / "known").write_text(f"[127.0.0.1]:{port} {key}")
        way = f"host: 127.0.0.1, port: {port}, user: root, key: {by_ssh}/key, known_hosts: {by_ssh}/known"
        docker_ = f"docker: {{ssh: {{{way}}}, sudo: true}}\n"
        bare.spec(more=docker_)
        said = bare.run("up")
        assert " 0 drift" in said
        bare.redis("CONFIG SET maxmemory 50mb")
        assert set(bare.red()) == {"service[cache: maxmemory].value"}
        bare.apply()
        assert bare.red() == {}
        (by_ssh / "known").write_text("")
        said = bare.run("check", status=1)
        assert "Host key verification failed" in said
    refused = bare.run("check", status=1)
    assert "127.0.0.1" in refused
    bare.spec()


def test_a_container_that_somebody_else_made(bare: Place) -> None:
    """Captured with its own superuser, proved, and green."""
    name = f"{bare.name}-theirs"
    variables = (
        "-e",
        "POSTGRES_USER=chief",
        "-e",
        "POSTGRES_PASSWORD=canary-theirs",
        "-e",
        "POSTGRES_DB=app",
    )
    docker("run", "-d", "--name", name, *variables, "pgdeploy-test/postgres:17")
    try:
        end = time.monotonic() + 60
        while attempt("exec", name, "pg_isready", "-q", "-h", "127.0.0.1").returncode:
            assert time.monotonic() < end
            time.sleep(0.3)
        time.sleep(1.1)  # its rules were written in the second in which it started
        attempt("kill", "--signal", "HUP", name)
        captured = pgdeploy("capture", "theirs", "--container", f"chief@{name}", cwd=bare.folder)
        assert captured.returncode == 0, captured.stdout + captured.stderr
        text = (bare.folder / "specs/theirs.yaml").read_text()
        assert f"docker: {{container: {name}, user: chief}}" in text
        assert "canary" not in text + captured.stdout + captured.stderr
        checked = pgdeploy(
            "check", "theirs", cwd=bare.folder, env={**os.environ, "CHIEF_PASSWORD": "canary-theirs"}
        )
        assert " 0 drift" in checked.stdout, checked.stdout + checked.stderr
    finally:
        docker("rm", "-f", "-v", name)


def test_timescale(bare: Place) -> None:
    """The library is loaded by a restart that the second step asks for; the extension is SQL's."""
    bare.spec(
        ("kind: postgres", "kind: timescaledb"),
        ("work_mem: 8MB", "work_mem: 8MB, shared_preload_libraries: [timescaledb]"),
    )
    bare.run("up", status=None)
    assert bare.red() == {"service[db].settings": "wait for a restart: shared_preload_libraries"}
    bare.mend()
    bare.spec(
        ("kind: postgres", "kind: timescaledb"),
        ("work_mem: 8MB", "work_mem: 8MB, shared_preload_libraries: [timescaledb]"),
        ("shop: {owner: app}", "shop: {owner: app, extensions: {timescaledb: {}}}"),
    )
    assert " 0 drift" in bare.run("up")
    psql = "psql -U postgres -d shop -Atqc"
    table = "CREATE TABLE public.seen (at timestamptz NOT NULL)"
    bare.inside("db", f"{psql} '{table}'", user="postgres")
    made = bare.inside("db", f"{psql} \"SELECT create_hypertable('public.seen', 'at')\"", user="postgres")
    assert "seen" in made
