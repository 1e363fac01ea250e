"""SIGTERM and SIGHUP, as a CI job is cancelled and a terminal closes: nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgdeploy.reach.embedded import Cluster
from tests.faults.site import Site


@pytest.fixture
def scratch() -> Iterator[Path]:
    """TMPDIR of a run: what stands in it at the end was left behind."""
    with tempfile.TemporaryDirectory(prefix="pgdeploy-signal-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def start(scratch: Path, *words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
        cwd=scratch.parent,
    )


def until(reached: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    while not reached():
        assert running.poll() is None, running.communicate()
        time.sleep(0.002)


def servers(folder: Path) -> list[str]:
    """Processes of a server, or an initdb, on data in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        if f"{folder}/" in command and "/bin/" in command:
            found.append(command)
    return found


POINTS: dict[str, Callable[[Path], bool]] = {
    "initdb": lambda folder: any(folder.glob("*/cluster/data.making*/base")),
    "the server starts": lambda folder: any(folder.glob("*/cluster/data/postmaster.pid")),
    "statements": lambda folder: _logged(folder, "ready to accept"),
    "closing": lambda folder: _logged(folder, "fast shutdown"),
}


def _logged(folder: Path, text: str) -> bool:
    return any(text in log.read_text(errors="replace") for log in folder.glob("*/cluster/server.log"))


CASES = [*((point, signal.SIGTERM) for point in POINTS), ("statements", signal.SIGHUP)]


@pytest.mark.parametrize(("point", "number"), CASES)
def test_a_throw_away_server_goes(scratch: Path, tmp_path: Path, point: str, number: signal.Signals) -> None:
    spec = tmp_path / "shop.yaml"
    spec.write_text("postgres: 16\nroles: {app: {login: true}}\n")
    running = start(scratch, "pgdeploy", "check", spec, "--on", "embedded", "--no-probes")
    until(lambda: POINTS[point](scratch), running)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 128 + number, said
    assert said.strip().splitlines()[-1] == f"pgdeploy: ended by {number.name}"
    assert "Traceback" not in said
    assert (servers(scratch), os.listdir(scratch)) == ([], [])


def test_two_signals_in_a_row_are_one(scratch: Path, tmp_path: Path) -> None:
    """As systemd sends them, and shells."""
    spec = tmp_path / "shop.yaml"
    spec.write_text("postgres: 16\nroles: {app: {login: true}}\n")
    running = start(scratch, "pgdeploy", "check", spec, "--on", "embedded")
    until(lambda: POINTS["statements"](scratch), running)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM):
        running.send_signal(number)
        time.sleep(0.02)
    running.communicate(timeout=60)
    assert running.returncode in (128 + signal.SIGTERM, 128 + signal.SIGHUP)
    assert (servers(scratch), os.listdir(scratch)) == ([], [])


def test_nohup_is_heeded(scratch: Path, tmp_path: Path) -> None:
    spec = tmp_path / "shop.yaml"
    spec.write_text("postgres: 16\nroles: {app: {login: true}}\n")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        running = start(scratch, "pgdeploy", "check", spec, "--on", "embedded", "--no-probes")
    finally:
        signal.signal(signal.SIGHUP, before)
    until(lambda: POINTS["statements"](scratch), running)
    running.send_signal(signal.SIGHUP)
    running.communicate(timeout=60)
    assert running.returncode == 0


SLOW = """
import time
def test_slow(facts):
    open({there!r}, "w").close()
    time.sleep(60)
"""


@pytest.mark.parametrize(("number", "more"), [(signal.SIGHUP, ()), (signal.SIGTERM, ("-n1",))])
def test_pytest_takes_its_server_along(
    scratch: Path, tmp_path: Path, number: signal.Signals, more: tuple[str, ...]
) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "prod.yaml").write_text("postgres: 16\nroles: {app: {login: true}}\n")
    there = tmp_path / "there"
    (tmp_path / "specs" / "test_slow.py").write_text(SLOW.format(there=str(there)))
    words = ["pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", *more, "--target=prod"]
    running = subprocess.Popen(
        [sys.executable, "-m", *words, "--on", "embedded"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    until(there.exists, running)
    running.send_signal(number)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 128 + number, said
    assert re.search(rf"^!+ ended by {number.name} !+$", said, re.MULTILINE)
    assert not re.search("Ended|KeyboardInterrupt|Traceback", said)
    # pytest keeps its own
    left = [name for name in os.listdir(scratch) if not name.startswith("pytest-of-")]
    assert (servers(scratch), left) == ([], [])


def test_what_a_kill_left_is_removed_by_the_next(scratch: Path, tmp_path: Path) -> None:
    """Nothing can be done on SIGKILL; who comes next finds a lock that nobody holds."""
    spec = tmp_path / "shop.yaml"
    spec.write_text("postgres: 16\nroles: {app: {login: true}}\n")
    command = ("pgdeploy", "check", spec, "--on", "embedded", "--no-probes")
    running = start(scratch, *command)
    until(lambda: POINTS["statements"](scratch), running)
    running.kill()
    running.communicate()
    assert servers(scratch)
    (lock,) = scratch.glob("*/cluster/lock")
    os.utime(lock, (0, 0))
    following = start(scratch, *command)
    following.communicate(timeout=60)
    assert following.returncode == 0
    assert (servers(scratch), os.listdir(scratch)) == ([], [])


def test_a_kept_cluster_is_as_before(site: Site) -> None:
    running = site.start("apply", "--yes")
    until(lambda: site.logged('CREATE DATABASE "base"'), running)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in said
    assert site.servers() == []
    assert site.run("apply", "--yes")[0] == 0


def test_a_read_that_waits_is_cut_off(server16: Cluster, scratch: Path, tmp_path: Path) -> None:
    """For a lock that somebody holds; what waits in threads hears of no signal by itself."""
    spec = tmp_path / "shop.yaml"
    spec.write_text(
        "postgres: 16\nroles: {postgres: {superuser: true, login: true}}\ndatabases: {postgres: {}}\n"
    )
    waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with server16.open() as holder, server16.open() as other:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE pg_catalog.pg_default_acl IN ACCESS EXCLUSIVE MODE")
        running = start(scratch, "pgdeploy", "plan", spec, "--dsn", server16.dsn)
        until(lambda: other.execute(waits).fetchone() is not None, running)
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=15)
        assert running.returncode == 128 + signal.SIGTERM
        assert said.strip().splitlines()[-1] == "pgdeploy: ended by SIGTERM"
        assert other.execute(waits).fetchall() == []
