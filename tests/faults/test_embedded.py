"""kill -9 of `--on embedded --data-dir`: the server outlives it, and the next command takes both over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from pgdeploy.reach.programs import wheel_bin
from tests.faults.site import SPEC, Site


def wait_for(condition: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    while not condition():
        assert running.poll() is None, running.communicate()
        time.sleep(0.001)


POINTS: dict[str, Callable[[Site], bool]] = {
    "initdb begins": lambda site: any(site.home.glob("data.making*")),
    "initdb is busy": lambda site: any(site.home.glob("data.making*/base/1/*")),
    "the server starts": lambda site: site.pid.exists(),
    "the first settings": lambda site: site.logged("parameter"),
    "roles": lambda site: site.logged('CREATE ROLE "reader"'),
    "the first database": lambda site: site.logged('CREATE DATABASE "base"'),
    "its contents": lambda site: site.logged("CREATE SCHEMA"),
    "the copy": lambda site: site.logged('CREATE DATABASE "copy"'),
}


OFTEN = ("initdb begins", "the server starts", "its contents")


@pytest.mark.parametrize(
    "point", [pytest.param(point, marks=() if point in OFTEN else pytest.mark.long) for point in POINTS]
)
def test_kill_9(site: Site, point: str) -> None:
    running = site.start("apply", "--yes")
    wait_for(lambda: POINTS[point](site), running)
    running.kill()
    running.communicate()
    assert site.run("apply", "--yes")[0] == 0
    code, said = site.run("check", "--no-probes")
    assert (code, "0 drift" in said) == (0, True), said
    assert site.servers() == []


def test_a_server_of_somebody_else_is_left_alone(site: Site) -> None:
    """Whoever starts the kept cluster by hand, to look around with psql, keeps it."""
    assert site.run("apply", "--yes")[0] == 0
    sockets = site.home.parent / "sockets"
    sockets.mkdir()
    identity = [] if os.geteuid() else ["setpriv", "--reuid=nobody", "--clear-groups"]
    if identity:
        shutil.chown(sockets, "nobody")
    control = [*identity, str(wheel_bin(16) / "pg_ctl"), "-D", str(site.home / "data"), "-w"]
    options = f"-k {sockets} -c listen_addresses="
    subprocess.run(
        [*control, "-l", "/dev/null", "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd="/"
    )
    try:
        code, said = site.run("check")
        assert code == 1
        assert "a PostgreSQL that pgdeploy did not start runs on this data" in said
        status = subprocess.run([*control, "status"], check=False, capture_output=True, cwd="/")
        assert status.returncode == 0
    finally:
        subprocess.run([*control, "-m", "fast", "stop"], check=True, stdout=subprocess.DEVNULL, cwd="/")
    assert site.run("check", "--no-probes")[0] == 0


def test_ctrl_c_takes_the_server_along(site: Site) -> None:
    running = site.start("apply", "--yes")
    wait_for(lambda: site.logged('CREATE DATABASE "base"'), running)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode in (1, 130)
    assert "Traceback" not in errors
    assert site.servers() == []
    assert site.run("apply", "--yes")[0] == 0


def test_two_on_one_data_directory(site: Site) -> None:
    running = site.start("apply", "--yes")
    wait_for(site.pid.exists, running)
    running.send_signal(signal.SIGSTOP)  # or it could be done before the other one begins
    code, said = site.run("plan")
    running.send_signal(signal.SIGCONT)
    running.communicate(timeout=60)
    assert running.returncode == 0
    assert code == 1
    assert "another pgdeploy is using this data directory" in said


def test_made_up_passwords_are_damaged(site: Site) -> None:
    assert site.run("apply", "--yes")[0] == 0
    (site.home / "secrets.json").write_text('{"half')
    code, said = site.run("plan")
    assert code == 1
    assert "secrets.json: damaged; remove it" in said
    (site.home / "secrets.json").unlink()
    assert site.run("apply", "--yes")[0] == 0


def test_data_of_another_major_version(site: Site) -> None:
    assert site.run("apply", "--yes")[0] == 0
    site.say(SPEC.replace("postgres: 16", "postgres: 18"))
    code, said = site.run("plan")
    assert code == 1
    assert "holds the data of PostgreSQL 16, and the programs are those of 18" in said
