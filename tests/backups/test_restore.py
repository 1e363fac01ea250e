"""Restoring a dump on a real server: what it replaces is kept, and whatever fails leaves everything as it was."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from pgdeploy.reach.embedded import Cluster
from tests.backups.town import ODD, SPEC, databases, of_sql, remeasure, run, settle, write_spec
from tests.conftest import cluster, require_programs


@pytest.fixture
def server() -> Iterator[Cluster]:
    for made in cluster(15):
        settle(made)
        yield made


@pytest.fixture
def place(tmp_path: Path, server: Cluster) -> Path:
    """A place with a backup."""
    write_spec(tmp_path)
    made = run(tmp_path, "backup", "town", "now", "--dsn", server.dsn)
    assert made.returncode == 0, made.stderr
    return tmp_path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the user of the server may pass: those of pytest are for root alone."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def restore(place: Path, server: Cluster, *words: str) -> subprocess.CompletedProcess[str]:
    return run(place, "restore", "town", "--dsn", server.dsn, "--yes", *words)


def test_a_dropped_table_comes_back(place: Path, server: Cluster) -> None:
    of_sql(server, "DROP TABLE app.orders; CREATE TABLE app.since (id int)")
    with closing(psycopg.connect(server.dsn, dbname="shop")) as client:
        client.execute("SELECT 1")  # and stays connected, in a transaction
        dry = run(place, "restore", "town", "--dsn", server.dsn, "--database", "shop", "--dry-run")
        assert (dry.returncode, dry.stderr) == (0, "")
        assert "0.0 hours ago; what was written since is not in it" in dry.stdout
        assert "no restore of it was tried before" in dry.stdout
        assert "shop: is replaced; the present one, " in dry.stdout
        assert databases(server) == [ODD, "postgres", "shop"]
        done = restore(place, server, "--database", "shop")
        assert (done.returncode, " conform" in done.stdout) == (0, True), done.stdout + done.stderr
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    (kept,) = [name for name in databases(server) if name.startswith("shop_before_")]
    assert databases(server) == [ODD, "postgres", "shop", kept]
    assert of_sql(server, "SELECT count(*), sum(id) FROM app.orders") == [(100, 5050)]
    assert of_sql(server, "SELECT count(*) FROM app.since", kept) == [(0,)]
    made = of_sql(
        server,
        "SELECT pg_encoding_to_char(encoding), datcollate, pg_get_userbyid(datdba), datconnlimit, datacl::text LIKE "
        "'%reader=c/owner%', shobj_description(oid, 'pg_database'), current_setting('work_mem') "
        "FROM pg_database WHERE datname = 'shop'",
    )
    assert made == [("LATIN1", "C", "owner", 50, True, "it's a shop", "4MB")]
    (preset,) = of_sql(
        server,
        "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = 'shop'",
    )
    assert preset == (["work_mem=8MB"],)
    listed = run(place, "backup", "town", "list").stdout.splitlines()
    assert len(listed) == 2, listed


def test_a_dropped_database_comes_back(place: Path, server: Cluster) -> None:
    of_sql(server, 'DROP DATABASE "an ""odd"" town"', "postgres")
    done = restore(place, server, "--database", ODD, "--no-backup")
    assert (done.returncode, "is created" in done.stdout) == (0, True), done.stdout + done.stderr
    assert of_sql(server, "SELECT n FROM public.here", ODD) == [(7,)]
    assert databases(server) == [ODD, "postgres", "shop"]


def test_beside_under_another_name(place: Path, server: Cluster) -> None:
    done = restore(place, server, "--database", "shop", "--as", "shop_yesterday")
    assert done.returncode == 0, done.stdout + done.stderr
    assert of_sql(server, "SELECT count(*) FROM app.orders", "shop_yesterday") == [(100,)]
    again = restore(place, server, "--database", "shop", "--as", "shop_yesterday")
    assert (again.returncode, "database shop_yesterday exists" in again.stderr) == (1, True)


def test_a_lost_server_comes_back_on_another_one(place: Path, server: Cluster) -> None:
    server.stop()
    for new in cluster(15):
        done = restore(place, new)
        assert done.returncode == 0, done.stdout + done.stderr
        assert databases(new) == [ODD, "postgres", "shop"]
        assert of_sql(new, "SELECT sum(id) FROM app.orders") == [(5050,)]
        assert of_sql(new, "SELECT n FROM public.here", ODD) == [(7,)]


def test_other_roles_stay_as_they_are(place: Path, server: Cluster) -> None:
    of_sql(server, "ALTER ROLE reader CONNECTION LIMIT 3; REASSIGN OWNED BY owner TO postgres; ", "postgres")
    for name in ("shop", ODD):
        of_sql(server, "REASSIGN OWNED BY owner TO postgres; DROP OWNED BY owner", name)
    of_sql(server, "DROP ROLE owner", "postgres")
    done = restore(place, server, "--database", "shop", "--no-backup")
    assert done.returncode == 0, done.stdout + done.stderr
    limits = of_sql(
        server,
        "SELECT rolname::text, rolconnlimit FROM pg_roles WHERE rolname IN ('owner', 'reader') ORDER BY 1",
    )
    assert limits == [("owner", -1), ("reader", 3)]
    assert of_sql(server, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'shop'") == [
        ("owner",)
    ]


def test_a_backup_that_breaks_an_invariant_replaces_nothing(place: Path, server: Cluster) -> None:
    file = place / "specs/town.yaml"
    file.write_text(SPEC.replace("at_least: 5050", "at_least: 5051"))
    done = restore(place, server)
    assert done.returncode == 1
    assert "database shop was not replaced: " in done.stderr
    assert "invariant SELECT sum(id) FROM app.orders: it returns 5050, and not at least 5051" in done.stderr
    assert databases(server) == [ODD, "postgres", "shop"]


def test_what_was_restored_before_a_failure_is_named(place: Path, server: Cluster) -> None:
    (second,) = (place / "specs/kept").glob("2*/databases/1")
    for data in second.glob("*.dat.gz"):
        data.write_bytes(data.read_bytes()[:-20])
    remeasure(place)
    done = restore(place, server)
    assert done.returncode == 1
    assert "odd" in done.stderr.splitlines()[-2]
    assert done.stderr.splitlines()[-1].strip() == "restored before that: shop"


def test_nobody_comes_in_before_the_grants_are_there(place: Path, server: Cluster) -> None:
    of_sql(server, "REVOKE CONNECT ON DATABASE shop FROM PUBLIC", "postgres")
    assert run(place, "backup", "town", "now", "--dsn", server.dsn).returncode == 0
    for contents in (place / "specs/kept").glob("2*/databases/0/toc.dat"):
        contents.write_bytes(
            contents.read_bytes().replace(b"GRANT CONNECT ON DATABASE", b"GRANT CONNEXT ON DATABASE")
        )
    remeasure(place)
    done = restore(place, server, "--database", "shop")
    assert (done.returncode, "the properties of database shop cannot be restored" in done.stderr) == (1, True)
    (state,) = of_sql(server, "SELECT datallowconn FROM pg_database WHERE datname = 'shop'", "postgres")
    assert state == (False,)


def test_a_backup_that_is_damaged_replaces_nothing(place: Path, server: Cluster) -> None:
    for data in (place / "specs/kept").rglob("*.dat.gz"):
        data.write_bytes(data.read_bytes()[:-20])
    done = restore(place, server)
    assert (done.returncode, " is damaged\n" in done.stderr) == (1, True), done.stderr
    assert ".dat.gz: has " in done.stderr
    remeasure(place)
    done = restore(place, server)
    assert (done.returncode, "database shop cannot be restored: " in done.stderr) == (1, True), done.stderr
    assert databases(server) == [ODD, "postgres", "shop"]
    assert of_sql(server, "SELECT count(*) FROM app.orders") == [(100,)]


def test_a_kill_leaves_what_is_there_and_the_next_goes_on(place: Path, server: Cluster) -> None:
    command = [sys.executable, "-m", "pgdeploy", "restore", "town", "--dsn", server.dsn, "--yes"]
    with subprocess.Popen(
        command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        end = time.monotonic() + 20
        while "shop_pgdeploy_restoring" not in databases(server) and time.monotonic() < end:
            time.sleep(0.02)
        running.kill()
    assert of_sql(server, "SELECT count(*) FROM app.orders") == [(100,)]
    end = time.monotonic() + 20
    while (done := restore(place, server, "--no-backup")).returncode and time.monotonic() < end:
        time.sleep(0.5)  # a pg_restore that outlived it, or its backend
    assert done.returncode == 0, done.stdout + done.stderr
    assert [name for name in databases(server) if "restoring" in name] == []


def test_a_database_of_somebody_else_is_not_dropped(place: Path, server: Cluster) -> None:
    of_sql(server, "CREATE DATABASE shop_pgdeploy_restoring", "postgres")
    done = restore(place, server, "--database", "shop")
    assert (done.returncode, "exists, and no restore left it there" in done.stderr) == (1, True)
    assert "shop_pgdeploy_restoring" in databases(server)


def test_two_at_once(place: Path, server: Cluster) -> None:
    with closing(server.open()) as other:
        other.execute(b"SELECT pg_advisory_lock(%d, %d)" % (0x70676465, 0x706C6F79))
        done = restore(place, server)
    assert (done.returncode, "another apply is running on this server" in done.stderr) == (1, True)


def test_into_a_new_data_directory(place: Path, open_folder: Path) -> None:
    bin_dir = str(require_programs(15))
    words = ("restore", "town", "--into", str(open_folder / "new"), "--bin-dir", bin_dir)
    done = run(place, *words)
    assert (done.returncode, "start it with: pg_ctl -D " in done.stdout) == (0, True), done.stderr
    again = run(place, *words)
    assert (again.returncode, "is not empty; name a folder that does not exist" in again.stderr) == (1, True)
    restored = Cluster(open_folder / "new", Path(bin_dir))
    restored.start()
    try:
        assert of_sql(restored, "SELECT sum(id) FROM app.orders") == [(5050,)]
    finally:
        restored.stop()


def test_the_newest_before_a_time(place: Path, server: Cluster) -> None:
    now = time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime())
    assert restore(place, server, "--time", now, "--dry-run").returncode == 0
    old = restore(place, server, "--time", "2026-01-15 14:30:00+00", "--dry-run")
    assert (old.returncode, "no backup from before that time; the oldest is 2" in old.stderr) == (1, True)


NO_SENSE = [
    (("--time", "2026-01-15 14:30:00"), "allowed: a time with its zone"),
    (("--time", "yesterday+00"), "allowed: a time with its zone"),
    (("--database", "shp"), "has no database shp; it has shop, "),
    (("--as", "x"), "--as goes with one --database"),
    (("--into", "x", "--database", "shop"), "--into restores the whole backup here"),
    (("--label", "x"), "holds no backup x; the newest is 2"),
    (("--to", "town"), "--to names a server, and so does --dsn"),
]


def test_what_makes_no_sense_changes_nothing(place: Path, server: Cluster) -> None:
    for words, said in NO_SENSE:
        done = restore(place, server, *words)
        assert done.returncode in (1, 2)
        assert said in " ".join(done.stderr.replace("│", " ").split()), done.stderr
    assert databases(server) == [ODD, "postgres", "shop"]


def test_without_a_terminal_it_asks_for_yes(place: Path, server: Cluster) -> None:
    done = run(place, "restore", "town", "--dsn", server.dsn)
    assert (done.returncode, "pass --yes to restore these 2 databases" in done.stderr) == (1, True)
    assert databases(server) == [ODD, "postgres", "shop"]
