"""What interrupts a migration: locks, kills, a second run, limits. Nothing is half done, and the next run goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.migrations.project import LAST, write_revision
from tests.migrations.shop import Shop

CANARY = "canary-Migration-5e1f"
SLOW = 'op.execute("SELECT pg_sleep({})")'


@contextmanager
def session(shop: Shop) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with shop.server.open(shop.database) as connection:
        connection.execute("SET search_path = public")
        yield connection


def in_the_background(shop: Shop, *words: str, act: str = "up") -> subprocess.Popen[str]:
    """What is pending is run, or with `act="down"` two revisions are taken back."""
    command = {"up": ("apply", "--layer", "migration"), "down": ("migrate", "down", "--steps", "2")}[act]
    return subprocess.Popen(
        shop.command(*command, "--yes", *words),
        cwd=shop.place,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def wait_until(shop: Shop, query: str) -> None:
    end = time.monotonic() + 30
    while shop.sql(query) != [(True,)]:
        assert time.monotonic() < end, query
        time.sleep(0.05)


RUNS = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'pgdeploy migration' AND {})"
WAITS = RUNS.format("wait_event_type = 'Lock' AND datname = current_database()")
SLEEPS = RUNS.format("query LIKE '%pg_sleep%' AND datname = current_database()")


def test_a_revision_that_waits_for_a_lock_is_run_again(shop: Shop) -> None:
    """The one before it is not; when the lock is gone it goes through."""
    shop.spec("lock_timeout: 200ms, retries: 20")
    shop.migrate()
    write_revision(shop.scripts, "r21", LAST, "op.create_table('t21', sa.Column('id', sa.Integer))")
    write_revision(shop.scripts, "r22", "r21", "op.add_column('orders', sa.Column('more', sa.Text))")
    with session(shop) as other, other.transaction():
        other.execute("LOCK TABLE orders")
        running = in_the_background(shop)
        wait_until(shop, "SELECT EXISTS (SELECT FROM alembic_version WHERE version_num = 'r21')")
        wait_until(shop, WAITS)
        time.sleep(0.5)  # longer than lock_timeout
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert "revision r22 is run again: canceling statement due to lock timeout" in said
    assert said.count("upgraded to r21") == 1
    assert shop.red() == {}


def test_a_way_back_that_waits_for_a_lock_takes_no_more_than_it_was_told(shop: Shop) -> None:
    """The first of two is gone, the second is run again: that makes two."""
    shop.spec("lock_timeout: 200ms, retries: 20")
    shop.migrate()
    write_revision(shop.scripts, "r21", LAST, "op.create_table('t21')", "op.drop_table('t21')")
    add = "op.add_column('orders', sa.Column('more', sa.Text))"
    write_revision(shop.scripts, "r22", "r21", add, "op.drop_column('orders', 'more')")
    write_revision(shop.scripts, "r23", "r22", "op.create_table('t23')", "op.drop_table('t23')")
    shop.migrate()
    with session(shop) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE orders IN ACCESS SHARE MODE")
        running = in_the_background(shop, act="down")
        wait_until(shop, "SELECT to_regclass('t23') IS NULL")
        wait_until(shop, WAITS)
        time.sleep(0.5)  # longer than lock_timeout
        other.execute("COMMIT")
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert "is run again" in said
    assert shop.versions == ["r21"]


def test_a_lock_that_stays(shop: Shop) -> None:
    shop.spec("lock_timeout: 100ms, retries: 1")
    shop.migrate()
    write_revision(shop.scripts, "r21", LAST, "op.add_column('orders', sa.Column('more', sa.Text))")
    with session(shop) as other, other.transaction():
        other.execute("LOCK TABLE orders")
        said = shop.migrate(status=1)
    assert "r21.py:12: revision r21: canceling statement due to lock timeout" in said
    assert "somebody holds a lock that it needs" in said
    assert shop.versions == [LAST]
    shop.migrate()
    assert shop.versions == ["r21"]


def test_two_at_once(shop: Shop) -> None:
    write_revision(shop.scripts, "r21", LAST, SLOW.format(3))
    running = in_the_background(shop)
    wait_until(shop, SLEEPS)
    assert "another apply is running on this server" in shop.migrate(status=1)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert shop.versions == ["r21"]


@pytest.mark.parametrize("at", range(int(os.environ.get("PGDEPLOY_KILLS", "6"))))
def test_killed_at_any_moment(at: int, shop: Shop) -> None:
    """The process that ran is gone with the one that asked; each revision is there whole or not at all."""
    write_revision(shop.scripts, "r21", LAST, "op.execute('UPDATE rates SET rate = rate * 10')")
    running = in_the_background(shop)
    time.sleep(random.uniform(0.3, 2.5))
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=30)
    shop.migrate()
    assert (shop.versions, shop.red()) == (["r21"], {})
    assert shop.sql("SELECT sum(rate) FROM rates") == [(30,)]


def test_killed_while_a_statement_runs(shop: Shop) -> None:
    shop.migrate()
    write_revision(
        shop.scripts,
        "r21",
        LAST,
        f"op.execute(\"UPDATE rates SET rate = 9 WHERE code = 'EUR'\")\n    {SLOW.format(60)}",
    )
    running = in_the_background(shop)
    wait_until(shop, SLEEPS)
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=30)
    wait_until(shop, f"SELECT NOT ({SLEEPS})")
    write_revision(shop.scripts, "r21", LAST, "op.execute(\"UPDATE rates SET rate = 8 WHERE code = 'EUR'\")")
    shop.migrate()
    assert shop.sql("SELECT rate FROM rates WHERE code = 'EUR'") == [(8,)]


def test_interrupted(shop: Shop) -> None:
    write_revision(shop.scripts, "r21", LAST, SLOW.format(60))
    running = in_the_background(shop)
    wait_until(shop, SLEEPS)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=30)
    assert running.returncode == 130, said
    assert "Traceback" not in said
    wait_until(shop, f"SELECT NOT ({SLEEPS})")
    assert shop.versions == [LAST]


def test_the_server_ends_the_session(shop: Shop) -> None:
    write_revision(shop.scripts, "r21", LAST, SLOW.format(60))
    running = in_the_background(shop)
    wait_until(shop, SLEEPS)
    shop.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> "
             "pg_backend_pid()")  # fmt: skip
    said, _ = running.communicate(timeout=30)
    assert running.returncode == 1
    assert "revision r21: terminating connection due to administrator command" in said
    assert "done: 20 revisions of 21" in said
    assert shop.versions == [LAST]


def test_a_deadlock_is_no_reason_to_stop(shop: Shop) -> None:
    """Its transaction is the one that the server ends; the revision is run again, whole."""
    shop.migrate()
    up = "op.execute('INSERT INTO orders (total) VALUES (7)')\n    op.execute('ALTER TABLE rates ADD COLUMN more text')"
    write_revision(shop.scripts, "r21", LAST, f"op.execute('LOCK TABLE orders')\n    {up}")
    with session(shop) as other, other.transaction():
        other.execute("LOCK TABLE rates")
        running = in_the_background(shop)
        wait_until(shop, RUNS.format("wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE rates%'"))
        other.execute("LOCK TABLE orders")
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert "revision r21 is run again: deadlock detected" in said
    assert shop.sql("SELECT count(*) FROM orders WHERE total = 7") == [(1,)]


def test_the_server_is_restarted(shop: Shop) -> None:
    write_revision(shop.scripts, "r21", LAST, SLOW.format(60))
    running = in_the_background(shop)
    wait_until(shop, SLEEPS)
    shop.server.restart()
    said, _ = running.communicate(timeout=30)
    assert running.returncode == 1
    assert "done: 20 revisions of 21; nothing of the one that failed is there" in said
    write_revision(shop.scripts, "r21", LAST, SLOW.format(0))
    shop.migrate()
    assert (shop.versions, shop.red()) == (["r21"], {})


def test_a_statement_that_takes_too_long(shop: Shop) -> None:
    shop.spec("statement_timeout: 300ms")
    write_revision(shop.scripts, "r21", LAST, SLOW.format(60))
    assert "revision r21: canceling statement due to statement timeout" in shop.migrate(status=1)
    assert shop.versions == [LAST]


def test_a_revision_that_fails_leaves_nothing(shop: Shop) -> None:
    up = "op.create_table('half', sa.Column('id', sa.Integer))\n    op.execute('SELECT 1 / 0')"
    write_revision(shop.scripts, "r21", LAST, up)
    said = shop.migrate(status=1)
    assert "r21.py:13: revision r21: division by zero" in said
    assert "Traceback" not in said
    assert shop.sql("SELECT to_regclass('half') IS NULL") == [(True,)]
    assert shop.versions == [LAST]


def test_a_way_back_that_fails(shop: Shop) -> None:
    write_revision(shop.scripts, "r21", LAST, "op.execute('SELECT 1')", "op.execute('SELECT 1 / 0')")
    shop.migrate()
    said = shop.done("migrate", "down", "--to", "r19", "--yes", status=1)
    assert "revision r21: division by zero" in said
    assert shop.versions == ["r21"]


INDEX = (
    "with op.get_context().autocommit_block():\n"
    "        op.create_index('rates_rate', 'rates', ['rate'], postgresql_concurrently=True)"
)
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'rates_rate'::regclass"


@pytest.mark.parametrize("goes_on", [False, True], ids=["half made", "whole"])
def test_an_index_that_is_cut_short(goes_on: bool, shop: Shop) -> None:
    """Its CREATE INDEX CONCURRENTLY waits for an older transaction, and who asked for it is killed: the server ends it,
    or is so quick that it is whole and no version table says so."""
    shop.migrate()
    write_revision(shop.scripts, "r21", LAST, INDEX)
    with session(shop) as other, other.transaction():
        other.execute("LOCK TABLE rates IN ROW EXCLUSIVE MODE")
        running = in_the_background(shop)
        wait_until(shop, "SELECT EXISTS (SELECT FROM pg_index WHERE NOT indisvalid)")
        if not goes_on:
            time.sleep(6)  # longer than lock_timeout: it has a limit of its own
            assert running.poll() is None
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=30)
        if not goes_on:
            wait_until(shop, f"SELECT NOT ({RUNS.format('true')})")
    wait_until(shop, f"SELECT NOT ({RUNS.format('true')})")
    assert shop.sql(VALID) == [(goes_on,)]
    assert (f"migration[{shop.database}].indexes" in shop.red()) is not goes_on
    shop.migrate()
    assert (shop.versions, shop.red()) == (["r21"], {})
    assert shop.sql(VALID) == [(True,)]


@pytest.mark.parametrize(
    ("there", "status"),
    [
        ("CREATE INDEX rates_rate ON public.rates USING btree (rate ASC NULLS LAST)", 0),
        ("CREATE UNIQUE INDEX rates_rate ON rates (rate)", 1),
        ("CREATE INDEX rates_rate ON rates (code)", 1),
        ("CREATE INDEX rates_rate ON rates (rate) WHERE rate > 0", 1),
        ("CREATE INDEX rates_rate ON orders (day)", 1),
    ],
)
def test_an_index_of_this_name_that_somebody_made(there: str, status: int, shop: Shop) -> None:
    """The same one is taken for it, whatever its spelling; another one is nobody's to drop."""
    shop.migrate()
    write_revision(shop.scripts, "r21", LAST, INDEX)
    shop.sql(there)
    before = shop.sql("SELECT oid FROM pg_class WHERE relname = 'rates_rate'")
    said = shop.migrate(status=status)
    assert ("already exists" in said) is bool(status)
    assert shop.sql("SELECT oid FROM pg_class WHERE relname = 'rates_rate'") == before


def test_a_value_that_was_added_before_it_was_killed(shop: Shop) -> None:
    """ALTER TYPE ADD VALUE outside of a transaction is there at once, and the revision is not."""
    shop.migrate()
    shop.sql("CREATE TYPE mood AS ENUM ('ok'); ALTER TYPE mood OWNER TO owner")
    add = "op.execute(\"ALTER TYPE mood ADD VALUE 'sad' AFTER 'ok'\")"
    up = f"with op.get_context().autocommit_block():\n        {add}\n    {{}}"
    write_revision(shop.scripts, "r21", LAST, up.format(SLOW.format(60)))
    running = in_the_background(shop)
    wait_until(shop, SLEEPS)
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=30)
    wait_until(shop, f"SELECT NOT ({SLEEPS})")
    assert shop.sql("SELECT enum_range(NULL::mood)::text") == [("{ok,sad}",)]
    write_revision(shop.scripts, "r21", LAST, up.format("op.execute('SELECT 1')"))
    shop.migrate()
    assert shop.versions == ["r21"]
    write_revision(shop.scripts, "r22", "r21", add)
    assert 'enum label "sad" already exists' in shop.migrate(status=1)


def test_an_index_that_is_gone_already(shop: Shop) -> None:
    shop.migrate()
    shop.sql("DROP INDEX orders_note")
    shop.done("migrate", "down", "--to", "r05", "--yes")
    assert shop.versions == ["r05"]


def test_what_an_owner_presets_changes_nothing(shop: Shop) -> None:
    """Not who runs it, nor its limits."""
    shop.sql(f"ALTER DATABASE {shop.database} SET role = 'reader'")
    shop.sql(f"ALTER DATABASE {shop.database} SET statement_timeout = '1ms'")
    shop.sql(f"ALTER DATABASE {shop.database} SET default_transaction_read_only = on")
    shop.migrate()
    assert shop.versions == [LAST]
    assert shop.sql("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'orders'") == [("owner",)]


@pytest.mark.parametrize("owner", ["stranger", "owner", "postgres"])
def test_a_version_table_of_somebody_else(owner: str, shop: Shop) -> None:
    """Its trigger would run as who migrates; one of the role's own, or of a superuser's, is theirs to make."""
    shop.sql("DO $$ BEGIN CREATE ROLE stranger; EXCEPTION WHEN duplicate_object THEN END $$")
    shop.sql("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    shop.sql(f"ALTER TABLE alembic_version OWNER TO {owner}; GRANT ALL ON alembic_version TO owner")
    said = shop.migrate(status=1 if owner == "stranger" else 0)
    if owner == "stranger":
        assert "the version table public.alembic_version belongs to stranger" in said
        assert "belongs to stranger" in shop.done("migrate", "stamp", "heads", "--yes", status=1)
        assert shop.versions == []
    shop.sql("DROP TABLE alembic_version")  # other tests share the server, and its roles


def test_no_secret_is_seen(shop: Shop) -> None:
    """Neither ours, in argv and the environment of what runs, nor one in a revision, in plans and messages."""
    up = f'op.execute("SELECT pg_sleep(2)")\n    op.execute("ALTER ROLE owner PASSWORD \'{CANARY}\' x")'
    write_revision(shop.scripts, "r21", LAST, up)
    shown = shop.done("plan", "--layer", "migration", "--json", "--out", "plan.json", status=2)
    shown += (shop.place / "plan.json").read_text()
    shop.sql(f"ALTER ROLE postgres PASSWORD '{CANARY}'")
    try:
        running = subprocess.Popen(
            shop.command("apply", "--layer", "migration", "--yes"),
            cwd=shop.place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PGPASSWORD": CANARY, "PATH": "/usr/bin:/bin"},
            text=True,
        )
        wait_until(shop, SLEEPS)
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        assert children
        for child in children:
            shown += Path(f"/proc/{child}/cmdline").read_text() + Path(f"/proc/{child}/environ").read_text()
        said, _ = running.communicate(timeout=60)
        assert running.returncode == 1, said
        assert "revision r21" in said
        assert CANARY not in shown + said
    finally:
        shop.sql("ALTER ROLE postgres PASSWORD NULL")
