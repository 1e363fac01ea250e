"""From nothing, and what goes wrong on the way: nothing is lost, and the next run converges."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from pgdeploy.gate.container.docker import attempt, docker
from tests.services.place import SECRETS, Place

pytestmark = [pytest.mark.docker, pytest.mark.long]


def test_from_nothing_to_green_and_a_second_time(bare: Place) -> None:
    said = bare.run("up")
    assert " 0 drift" in said
    before = {one: bare.state(one)["Id"] for one in ("db", "cache")}
    again = bare.run("up")
    assert " 0 drift" in again
    assert {one: bare.state(one)["Id"] for one in ("db", "cache")} == before
    gate = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--target=shop", "-n0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        gate, cwd=bare.folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_kept_rows(bare: Place) -> None:
    """Of a container that is made anew, and of one whose rules were written by us."""
    bare.run("up")
    psql = "psql -U postgres -d shop -Atqc"
    bare.inside("db", f"{psql} 'CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n'", user="postgres")
    bare.spec(("memory: 512MB", "memory: 600MB"))
    bare.mend()
    assert bare.inside("db", f"{psql} 'SELECT count(*) FROM kept'", user="postgres") == "1000"
    assert " 0 drift" in bare.run("check")


def test_rules_that_would_shut_us_out_are_refused(bare: Place) -> None:
    bare.run("up")
    bare.spec(("database: all, user: postgres, method: peer", "database: all, user: all, method: reject"))
    said = bare.run("apply", "--yes", status=1)
    assert "would shut pgdeploy out" in said
    assert "{type: local, database: all, user: postgres, method: peer}" in said
    bare.spec()
    assert " 0 drift" in bare.run("check")


def test_the_image_is_missing(bare: Place) -> None:
    bare.spec(("pgdeploy-test/redis:8", "pgdeploy-test/none:1"))
    said = bare.apply(status=1)
    assert "has no image pgdeploy-test/none:1, and cannot pull it" in said
    bare.spec()
    bare.apply()
    assert bare.red() == {}


def test_a_secret_is_missing(bare: Place) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SHOP_REDIS")
        said = bare.run("apply", "--layer", "service", "--yes", status=1, env={"SHOP_REDIS": ""})
    assert "SHOP_REDIS" in said
    assert attempt("inspect", bare.container("cache")).returncode != 0


def test_no_engine_answers(bare: Place) -> None:
    said = bare.apply(status=1, env={"DOCKER_HOST": "unix:///nowhere.sock"})
    assert "the Docker engine" in said
    said = bare.run("check", status=None, env={"DOCKER_HOST": "unix:///nowhere.sock"})
    assert "0 conform" in said or "the Docker engine" in said


def test_there_is_no_docker(bare: Place) -> None:
    said = bare.apply(status=1, env={"PATH": "/nowhere"})
    assert "docker cannot be run" in said


STARTS = ("databases: 4", "databases: 8, loglevel: notice")


def test_settings_with_which_it_does_not_start_are_taken_back(bare: Place) -> None:
    bare.run("up")
    bare.redis("SET kept 7")
    bare.spec(STARTS)
    bare.mend()
    assert bare.red() == {}
    bare.spec(("databases: 4", "databases: 4, tls-ciphers: nothing-like-this"))
    said = bare.apply("--allow-restart", status=1)
    assert "what was there before is back" in said
    bare.spec(STARTS)
    bare.turns_green()
    assert bare.redis("GET kept") == "7"


def test_a_container_that_never_gets_healthy_is_taken_back(bare: Place) -> None:
    bare.run("up")
    before = bare.state("db")["Image"]
    change = ("--change", 'ENTRYPOINT ["false"]')
    broken = docker("commit", "--pause=false", *change, bare.container("db"), "pgdeploy-test/broken:1")
    try:
        bare.spec(("pgdeploy-test/postgres:17", "pgdeploy-test/broken:1"))
        said = bare.apply("--allow-restart", status=1)
        assert "what was there before is back" in said
        assert bare.state("db")["Image"] == before
        assert bare.state("db")["State"]["Health"]["Status"] == "healthy"
        bare.spec()
        assert " 0 drift" in bare.run("up", "--allow-restart")
    finally:
        bare.destroy()
        docker("rmi", "-f", broken)


def test_two_at_once(bare: Place) -> None:
    lock = (
        "run",
        "-i",
        "--rm",
        "--name",
        f"{bare.name}-pgdeploy-lock",
        "--network",
        "none",
        "--entrypoint",
        "cat",
    )
    with subprocess.Popen(
        ["docker", *lock, "pgdeploy-test/redis:8"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as held:
        assert held.stdin is not None
        assert held.stdout is not None
        held.stdin.write(b"x\n")
        held.stdin.flush()
        assert held.stdout.readline() == b"x\n"
        assert "another pgdeploy is making its services" in bare.apply(status=1)
        held.kill()  # as a kill of pgdeploy: the engine ends what waits for its input
    end = time.monotonic() + 20
    while attempt("inspect", f"{bare.name}-pgdeploy-lock").returncode == 0:
        assert time.monotonic() < end
        time.sleep(0.2)
    bare.apply()
    assert bare.red() == {}


def test_killed_at_any_moment(bare: Place) -> None:
    """The next run converges, and the data is whole."""
    command = [
        sys.executable,
        "-m",
        "pgdeploy",
        "apply",
        "shop",
        "--layer",
        "service",
        "--yes",
        "--allow-restart",
    ]
    for seconds in (1.0, 2.0, 3.5, 5.0):
        with subprocess.Popen(
            command,
            cwd=bare.folder,
            env={**os.environ, **SECRETS},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as running:
            time.sleep(seconds)
            os.killpg(running.pid, signal.SIGKILL)
        end = time.monotonic() + 20
        while attempt("inspect", f"{bare.name}-pgdeploy-lock").returncode == 0:
            assert time.monotonic() < end
            time.sleep(0.1)
    bare.mend()
    bare.turns_green()
    assert " 0 drift" in bare.run("up")
