"""kill -9 of `--on embedded --data-dir`: the server outlives it, and the next command takes both over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

SPEC = """\
postgres: 16
settings: {log_statement: all}
roles:
  postgres: {superuser: true, login: true}
  owner: {login: true, password: {env: FAULT_PASSWORD_NOT_SET}}
databases:
  base: {is_template: true, schemas: {sales: {owner: owner}}}
  copy: {from_template: base, owner: owner}
"""


class Site:
    """A spec and the directory of its cluster."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "cluster"
        self.log = self.home / "server.log"
        self.pid = self.home / "data" / "postmaster.pid"
        self._spec = folder / "shop.yaml"
        self._spec.write_text(SPEC)

    def start(self, command: str, *options: str) -> subprocess.Popen[str]:
        arguments = [command, str(self._spec), "--on", "embedded", "--data-dir", str(self.home), *options]
        return subprocess.Popen(
            [sys.executable, "-m", "pgdeploy", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, *options: str) -> tuple[int, str]:
        running = self.start(command, *options)
        output, errors = running.communicate(timeout=120)
        return running.returncode, output + errors

    def logged(self, text: str) -> bool:
        return self.log.exists() and text in self.log.read_text(errors="replace")

    def servers(self) -> list[int]:
        """Processes of a server on this data; also of an initdb."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"{self.home}/" in (process / "cmdline").read_text().replace("\0", " "):
                    found.append(int(process.name))
            except OSError:
                continue
        return found


@pytest.fixture
def site() -> Iterator[Site]:
    with TemporaryDirectory(prefix="pgdeploy-fault-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        made = Site(Path(folder))
        yield made
        for process in made.servers():
            os.kill(process, signal.SIGKILL)


def wait_for(condition: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    while not condition():
        assert running.poll() is None, running.communicate()
        time.sleep(0.001)


POINTS: dict[str, Callable[[Site], bool]] = {
    "initdb begins": lambda site: any(site.home.glob("data.making*/*")),
    "initdb is busy": lambda site: any(site.home.glob("data.making*/base/1/*")),
    "the server starts": lambda site: site.pid.exists(),
    "the first settings": lambda site: site.logged("parameter"),
    "roles": lambda site: site.logged('CREATE ROLE "owner"'),
    "the first database": lambda site: site.logged('CREATE DATABASE "base"'),
    "its contents": lambda site: site.logged("CREATE SCHEMA"),
    "the copy": lambda site: site.logged('CREATE DATABASE "copy"'),
}


@pytest.mark.parametrize("point", POINTS)
def test_kill_9(site: Site, point: str) -> None:
    running = site.start("apply", "--yes")
    wait_for(lambda: POINTS[point](site), running)
    running.kill()
    running.communicate()
    assert site.run("apply", "--yes")[0] == 0
    code, said = site.run("check", "--no-probes")
    assert (code, "0 drift" in said) == (0, True), said
    assert site.servers() == []


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
    wait_for((site.home / "lock").exists, running)
    code, said = site.run("plan")
    running.communicate(timeout=60)
    assert running.returncode == 0
    assert code == 1
    assert "another pgdeploy is using this data directory" in said


@pytest.mark.parametrize("damage", ["{broken", "[]", ""])
def test_made_up_passwords_are_damaged(site: Site, damage: str) -> None:
    assert site.run("apply", "--yes")[0] == 0
    (site.home / "secrets.json").write_text(damage)
    code, said = site.run("plan")
    assert code == 1
    assert "secrets.json: damaged; remove it" in said
    (site.home / "secrets.json").unlink()
    assert site.run("apply", "--yes")[0] == 0


def test_data_of_another_major_version(site: Site) -> None:
    assert site.run("apply", "--yes")[0] == 0
    site._spec.write_text(SPEC.replace("postgres: 16", "postgres: 18"))
    code, said = site.run("plan")
    assert code == 1
    assert "holds the data of PostgreSQL 16, and this spec is for 18" in said
