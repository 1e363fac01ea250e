"""The host's part, measured on this machine: a disk that fills, and processors that are busy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.host import Host
from tests.conftest import open_to_servers
from tests.thresholds.measuring import findings, red


@pytest.fixture
def disk(tmp_path: Path, server16: Cluster) -> Iterator[Path]:
    """A small file system with a tablespace of the server."""
    open_to_servers(tmp_path)
    place = tmp_path / "disk"
    place.mkdir()
    owner = server16.data.stat()
    words = f"size=40m,nr_inodes=100,uid={owner.st_uid},gid={owner.st_gid},mode=700"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", words, "tmpfs", place], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a file system of its own needs root: {done.stderr.strip()}")
    try:
        with server16.open() as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{place}'".encode())
        yield place
        with server16.open() as connection:
            connection.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", place], check=True)


def here(server: Cluster) -> DsnServer:
    """The same server, with access to its host: this machine."""
    reached = DsnServer(server.dsn)
    reached.host = Host("this machine", "local://")
    return reached


LIMITS = "{window: 1ms, disk: {used: 99.9%}, inodes: {used: 99.9%}}"


def test_a_disk_that_fills(server16: Cluster, disk: Path, tmp_path: Path) -> None:
    assert red(findings(here(server16), LIMITS, tmp_path)) == []
    (disk / "ballast").write_bytes(bytes((40 << 20) - 4096))
    found = findings(here(server16), LIMITS, tmp_path)
    assert red(found) == ["threshold[disk].used"]
    finding = found["threshold[disk].used"]
    assert finding.origin == f"tablespace small, {disk}, 0 MB are free"
    assert finding.remedy.text == "make room, or give the disk more space"
    (disk / "ballast").unlink()
    for number in range(200):
        try:
            (disk / str(number)).touch()
        except OSError:
            break
    found = findings(here(server16), LIMITS, tmp_path)
    assert red(found) == ["threshold[inodes].used"]
    assert found["threshold[inodes].used"].origin == f"tablespace small, {disk}, 0 are free"
    for file in disk.iterdir():
        if file.is_file():
            file.unlink()


def test_a_disk_that_backups_fill(server16: Cluster, tmp_path: Path) -> None:
    """A repository on the host counts like the data: without room in it WAL waits, and fills the data's disk."""
    kept = tmp_path / "kept"
    kept.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(kept)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a file system of its own needs root: {done.stderr.strip()}")
    backup = f"\nhost: {{}}\nbackup: {{engine: pgbackrest, repositories: [{{path: {kept}}}]}}"
    try:
        assert red(findings(here(server16), LIMITS + backup, tmp_path)) == []
        (kept / "ballast").write_bytes(bytes(4 << 20))
        found = findings(here(server16), LIMITS + backup, tmp_path)
        assert red(found) == ["threshold[disk].used"]
        assert found["threshold[disk].used"].origin == f"backup repository 1, {kept}, 0 MB are free"
    finally:
        subprocess.run(["umount", kept], check=True)


def test_processors_that_are_busy(server16: Cluster, tmp_path: Path) -> None:
    burning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(8)]
    try:
        found = findings(here(server16), "{window: 1s, cpu: {used: 80%}, memory: {used: 100%}}", tmp_path)
    finally:
        for one in burning:
            one.kill()
            one.wait()
    assert red(found) == ["threshold[cpu].used"]
    assert found["threshold[cpu].used"].desired == "at most 80%, over 1s"
    assert found["threshold[memory].used"].verdict is Verdict.CONFORMS
    assert found["threshold[memory].used"].measured is not None
    assert 0 < found["threshold[memory].used"].measured.value < 100


def test_a_host_that_does_not_answer_is_unreadable(server16: Cluster, tmp_path: Path) -> None:
    server = here(server16)
    server.host = Host("container none", "docker://there-is-none")
    found = findings(server, "{window: 1ms, cpu: {used: 80%}, connections: {used: 99%}}", tmp_path)
    assert found["threshold[cpu].used"].verdict is Verdict.UNREADABLE
    assert found["threshold[connections].used"].verdict is Verdict.CONFORMS
