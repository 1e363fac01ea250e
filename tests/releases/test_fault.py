"""Killed at any moment, cut off, or with its server restarted: the next call finishes or takes back, and says which."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import cluster
from tests.faults.disk import Disk, small_disk
from tests.releases.place import FIRST, ORDERS, SECOND, Place
from tests.releases.test_release import KEPT_OUT, Shop, dump
from tests.thresholds.test_standby import standby_of
from tests.wait import until

SLOW = {"0003_customers.up": "CREATE TABLE customers (id bigint PRIMARY KEY);\nSELECT pg_sleep(1.5);\n"}
SLOWER = {"0003_customers.up": SLOW["0003_customers.up"].replace("1.5", "10")}
KILLS = int(os.environ.get("PGDEPLOY_KILLS", "4"))
ENOUGH = 4.0
"""Seconds that such a release takes."""


def sleeps(place: Place) -> None:
    """Until the last migration is in the middle of its work."""
    mine = f"datname = '{place.database}' AND pid <> pg_backend_pid()"
    busy = f"SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active' AND {mine}"
    until(lambda: place.sql(busy))


def converged(place: Place, said: str) -> None:
    """As if nothing had happened, and the release was made."""
    assert place.versions == ["0001", "0002", "0003"], said
    assert place.orders == ORDERS
    assert place.limit == 20
    assert all(entries[-1]["event"] == "end" for entries in place.journals)
    assert place.journals[-1][-1]["result"] == "done"
    assert place.sql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'pgdeploy release%'") == []


@pytest.mark.parametrize(
    "event", ["begin", "backup", "maintenance", "tables", "change", "changed", "maintenance off"]
)
def test_killed_when_it_has_written(shop: Shop, event: str) -> None:
    place = shop(KEPT_OUT)
    place.write(SLOW)
    running = place.begun("release", "--yes", "--force", "lint")
    place.wait(event)
    place.killed(running)
    said = place.release()
    if place.journals[-2][-1]["event"] == "end" and place.journals[-2][0]["event"] == "begin":
        assert "has no end: it was killed or cut off" in said or event == "maintenance off"
    converged(place, said)


def test_killed_and_taken_back_by_hand(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    before = dump(place)
    place.write(SLOW)
    running = place.begun("release", "--yes", "--force", "lint")
    sleeps(place)
    place.killed(running)
    assert place.limit == 0
    said = place.run("rollback", "--release", place.newest, "--yes", status=None)
    assert "taken back, and healthy" in said
    assert place.versions == ["0001"]
    assert dump(place) == before
    assert place.limit == 20


@pytest.mark.parametrize("number", range(KILLS))
def test_killed_at_any_moment(shop: Shop, number: int) -> None:
    place = shop(KEPT_OUT)
    place.write(SLOW)
    running = place.begun("release", "--yes", "--force", "lint")
    time.sleep(random.uniform(0.3, ENOUGH))
    place.killed(running)
    said = place.release()
    if "nothing to do" in said:
        place.run("release", "--yes")
    converged(place, said)


def test_the_server_is_restarted_in_the_middle(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    place.write(SLOWER)
    with place.begun("release", "--yes", "--force", "lint") as running:
        sleeps(place)
        place.server.restart()
        said, _ = running.communicate(timeout=60)
    assert running.returncode == 2, said
    assert "rolled back" in said
    assert (place.versions, place.limit) == (["0001"], 20)
    converged(place, place.release())


def test_a_session_that_is_ended(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    place.write(SLOWER)
    with place.begun("release", "--yes", "--force", "lint") as running:
        sleeps(place)
        others = "pid <> pg_backend_pid() AND datname IS NOT NULL"
        place.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        said, _ = running.communicate(timeout=60)
    assert running.returncode == 2, said
    assert (place.versions, place.limit) == (["0001"], 20)


def test_the_disk_of_the_journal_is_lost(shop: Shop) -> None:
    """In the middle: what only reports is said instead, and the release goes on."""
    place = shop(KEPT_OUT)
    place.write(SLOW)
    with place.begun("release", "--yes", "--force", "lint") as running:
        sleeps(place)
        shutil.rmtree(place.folder / "state")
        said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert "cannot be written: No such file or directory" in said
    assert (place.versions, place.limit) == (["0001", "0002", "0003"], 20)


@pytest.mark.parametrize("lines", [0, 1, 2])
def test_a_journal_that_stands_in_one_folder_alone(shop: Shop, lines: int) -> None:
    """It was killed between the two."""
    place = shop("")
    place.release()
    beside = place.folder / f"kept/releases/shop/{place.newest}.jsonl"
    here = place.folder / f"state/pgdeploy/releases/shop/{place.newest}.jsonl"
    here.write_text("".join(here.read_text().splitlines(keepends=True)[:-1]))
    beside.write_text("".join(beside.read_text().splitlines(keepends=True)[:lines]))
    assert "it is done" in place.run("release", "--yes")
    assert beside.read_text() == here.read_text()


@pytest.fixture
def disk() -> Iterator[Disk]:
    yield from small_disk()


def test_the_disk_of_the_backups_is_full(shop: Shop, disk: Disk) -> None:
    """Nothing is changed, nobody is kept out, and the next one goes on."""
    place = shop(KEPT_OUT)
    spec = place.folder / "specs/shop.yaml"
    spec.write_text(spec.read_text().replace("path: ../kept", f"path: {disk.folder}/kept"))
    place.sql("INSERT INTO public.orders SELECT g, gen_random_uuid() FROM generate_series(1001, 100000) AS g")
    disk.leave(1)
    said = place.release(status=2)
    assert "No space left on device" in said
    assert "failed" in said
    assert (place.versions, place.limit) == (["0001"], 20)
    (disk.folder / "filler").unlink()
    place.release()
    assert place.versions == ["0001", "0002", "0003"]


def test_no_room_for_the_next_backup(shop: Shop, disk: Disk) -> None:
    place = shop("")
    spec = place.folder / "specs/shop.yaml"
    spec.write_text(spec.read_text().replace("path: ../kept", f"path: {disk.folder}/kept"))
    place.sql("INSERT INTO public.orders SELECT g, gen_random_uuid() FROM generate_series(1001, 100000) AS g")
    place.run("backup", "now")
    disk.leave(1)
    assert "free, and the backup needs about" in place.release(status=1)
    assert place.versions == ["0001"]


def test_a_standby_that_is_behind(tmp_path: Path) -> None:
    for primary in cluster(16, ()):
        place = Place(tmp_path, primary, 1)
        place.write(FIRST)
        place.spec("thresholds: {replication: {lag: 1s}}\n")
        with (
            standby_of(primary, primary.home.parent / "standby", 16) as standby,
            closing(standby.open()) as session,
        ):
            place.spec("thresholds: {replication: {lag: 1s}}\n")
            place.release()
            place.write(SECOND)
            session.execute("SELECT pg_wal_replay_pause()")
            end = time.monotonic() + 30
            while "standby follower is streaming, and" not in (
                said := place.release("--dry-run", status=None)
            ):
                assert time.monotonic() < end, said
                place.sql("CREATE TABLE public.more (id int); DROP TABLE public.more")
            assert "behind (--force replicas)" in said
            assert "standby follower is" in place.release(status=1)
            session.execute("SELECT pg_wal_replay_resume()")
            place.release("--force", "replicas")
            assert place.versions == ["0001", "0002", "0003"]


def test_killed_while_it_restores(shop: Shop) -> None:
    place = shop("release: {on_failure: restore, maintenance: {roles: [app{n}]}}\n")
    before = dump(place)
    place.write({"0003_customers.up": "SELECT 1 / 0;\n"})
    running = place.begun("release", "--yes", "--force", "lint")
    place.wait("failed")
    time.sleep(random.uniform(0, 0.5))
    place.killed(running)
    (place.folder / "migrations/0003_customers.up.sql").unlink()
    (place.folder / "migrations/0003_customers.down.sql").unlink()
    (place.folder / "migrations/0002_note.up.sql").unlink()
    (place.folder / "migrations/0002_note.down.sql").unlink()
    said = place.release(status=None)
    assert place.versions == ["0001"], said
    assert dump(place) == before
    assert place.limit == 20


def test_killed_while_it_rehearses(shop: Shop) -> None:
    place = shop("")
    place.run("backup", "now")
    for _ in range(3):
        running = place.begun("rehearse")
        time.sleep(random.uniform(0.5, 2.5))
        place.killed(running)
    assert "all is well" in place.run("rehearse")
    assert place.versions == ["0001"]


def test_killed_while_it_is_taken_back(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    before = dump(place)
    place.release()
    place.write({"0003_customers.down": "DROP TABLE customers;\nSELECT pg_sleep(1);\n"})
    running = place.begun("rollback", "--release", place.newest, "--yes")
    time.sleep(random.uniform(0.8, 2.2))
    place.killed(running)
    place.run("rollback", "--release", place.newest, "--yes", status=None)
    assert place.versions == ["0001"]
    assert dump(place) == before


def test_a_smoke_run_that_hangs(shop: Shop) -> None:
    place = shop("smoke: {checks: ['role[*'], time_limit: 4s, tests: [../test_slow.py]}\n")
    (place.folder / "test_slow.py").write_text(
        "import time\n\ndef test_slow() -> None:\n    time.sleep(60)\n"
    )
    began = time.monotonic()
    said = place.release(status=2)
    assert "not done within 4s" in said
    assert time.monotonic() - began < 40
    assert place.versions == ["0001"]


def test_a_journal_that_a_kill_cut_short(shop: Shop) -> None:
    place = shop("")
    place.release()
    file = place.folder / f"state/pgdeploy/releases/shop/{place.newest}.jsonl"
    whole = file.read_text()
    beside = place.folder / f"kept/releases/shop/{place.newest}.jsonl"
    for one in (file, beside):
        one.write_text(whole[: whole.rindex('{"at"') + 20])
    assert "all of it is there, and healthy: it is done" in place.release()
    assert "}{" not in file.read_text()
    assert place.versions == ["0001", "0002", "0003"]
