"""Behind a PgBouncer that pauses no transaction of the application fails: its clients wait."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Self

import psycopg
import pytest

from pgdeploy.reach.embedded import SERVER_USER
from pgdeploy.reach.program import found_program
from tests.conftest import open_to_servers
from tests.releases.place import ORDERS, PASSWORD, Place
from tests.releases.test_release import Shop

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SECRET = "canary-Console-7f"
CONFIG = """\
[databases]
{database} = host={socket} dbname={database} user={app} password={password}
[pgbouncer]
unix_socket_dir = {folder}
listen_addr =
listen_port = 6432
auth_type = scram-sha-256
auth_file = {folder}/users
admin_users = keeper
pool_mode = transaction
default_pool_size = 10
logfile = {folder}/log
pidfile = {folder}/pid
ignore_startup_parameters = extra_float_digits
"""


def behind(place: Place, folder: Path) -> str:
    """A part of the spec."""
    dsn = f"host={folder} port=6432 user=keeper dbname=pgbouncer"
    console = f"{{dsn: '{dsn}', password: {{env: CONSOLE}}, databases: [{place.database}]}}"
    return f"release: {{maintenance: {{patience: 2s, pgbouncer: {console}}}}}\n"


@pytest.fixture
def pooled(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Place, str]]:
    """A shop behind a PgBouncer, and the way through that."""
    if PGBOUNCER is None:
        reason = "needs PgBouncer"
        if os.environ.get("PGDEPLOY_CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    monkeypatch.setenv("CONSOLE", SECRET)
    place = shop("")
    folder = tmp_path / "pool"
    folder.mkdir()
    open_to_servers(tmp_path)
    socket = place.server.dsn.split("host=")[1].split()[0]
    (folder / "ini").write_text(
        CONFIG.format(password=PASSWORD, database=place.database, socket=socket, app=place.app, folder=folder)
    )
    (folder / "users").write_text(f'"keeper" "{SECRET}"\n"{place.app}" "{PASSWORD}"\n')
    identity = ["setpriv", f"--reuid={SERVER_USER}", "--clear-groups"] if os.geteuid() == 0 else []
    if identity:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, SERVER_USER)
    with (tmp_path / "out").open("wb") as out:
        running = subprocess.Popen([*identity, PGBOUNCER, str(folder / "ini")], stdout=out, stderr=out)
    try:
        for _ in range(200):
            if (folder / ".s.PGSQL.6432").exists():
                break
            time.sleep(0.05)
        place.spec(behind(place, folder))
        yield place, f"host={folder} port=6432 dbname={place.database} user={place.app} password={PASSWORD}"
    finally:
        running.terminate()
        running.wait()


class Client:
    """Counts what is done and what fails."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.done, self.failed = 0, 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *of: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        with closing(psycopg.connect(self._way, autocommit=True, prepare_threshold=None)) as connection:
            while not self._end.is_set():
                try:
                    connection.execute("SELECT item FROM public.orders WHERE id = 5")
                    self.done += 1
                except psycopg.Error:
                    self.failed += 1


def test_no_transaction_of_pgbench_fails(pooled: tuple[Place, str], tmp_path: Path) -> None:
    place, way = pooled
    place.write(
        {"0003_customers.up": "CREATE TABLE customers (id bigint PRIMARY KEY);\nSELECT pg_sleep(2);\n"}
    )
    (tmp_path / "script").write_text("SELECT item FROM public.orders WHERE id = 5;\n")
    words = [
        "-n",
        "--client=4",
        "--time=8",
        "--log",
        f"--log-prefix={tmp_path}/seen",
        f"--file={tmp_path}/script",
    ]
    command = [str(found_program("pgbench", 16)), *words, way]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        time.sleep(0.5)
        said = place.release()
        told, _ = running.communicate(timeout=60)
    assert running.returncode == 0, told
    assert "number of failed transactions: 0 (0.000%)" in told
    lines = [line for log in tmp_path.glob("seen*") for line in log.read_text().splitlines()]
    longest = max(int(line.split()[2]) for line in lines) / 1e6
    out = float(said.split("users were out for ")[1].split("s")[0])
    assert out == pytest.approx(longest, rel=0.1), "what we say is what its clients saw"
    assert place.orders == ORDERS
    assert SECRET not in said + str(place.journals)


def test_a_transaction_that_does_not_end(pooled: tuple[Place, str]) -> None:
    """Nothing is changed, and the pool goes on."""
    place, way = pooled
    with closing(psycopg.connect(way, prepare_threshold=None)) as user:
        user.execute("SELECT 1")
        said = place.release(status=2)
        assert f"PgBouncer did not pause {place.database} within 2s" in said
        user.rollback()
        with closing(psycopg.connect(way, connect_timeout=5, prepare_threshold=None)) as another:
            assert another.execute("SELECT 1").fetchone() == (1,)
    assert place.versions == ["0001"]


def test_what_fails_resumes(pooled: tuple[Place, str]) -> None:
    place, way = pooled
    place.write({"0003_customers.up": "SELECT 1 / 0;\n"})
    with Client(way) as client:
        time.sleep(0.3)
        assert "rolled back" in place.release(status=2)
        time.sleep(0.3)
    assert client.failed == 0
    assert place.versions == ["0001"]


def test_killed_while_it_pauses(pooled: tuple[Place, str]) -> None:
    """Clients wait until the next call, and then go on."""
    place, way = pooled
    place.write(
        {"0003_customers.up": "CREATE TABLE customers (id bigint PRIMARY KEY);\nSELECT pg_sleep(1);\n"}
    )
    with Client(way) as client:
        time.sleep(0.3)
        running = place.begun("release", "--yes", "--force", "lint")
        place.wait("change")
        place.killed(running)
        waiting = client.done
        assert "has no end" in place.release()
        time.sleep(0.3)
    assert client.failed == 0
    assert client.done > waiting
    assert place.versions == ["0001", "0002", "0003"]


def test_a_wrong_password_of_the_console(pooled: tuple[Place, str], monkeypatch: pytest.MonkeyPatch) -> None:
    place, _ = pooled
    monkeypatch.setenv("CONSOLE", "canary-Wrong-1b")
    said = place.release(status=1)
    assert "PgBouncer at " in said
    assert "canary" not in said
    assert place.versions == ["0001"]
