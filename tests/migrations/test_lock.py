"""What others wait for while a migration runs: estimated before, watched meanwhile, and stopped when it is too long."""

from __future__ import annotations

import os
import re
import subprocess
import time
from itertools import count
from pathlib import Path

import pytest

from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.program import found_program
from tests.faults.disk import Disk, small_disk
from tests.migrations.project import LAST, write_revision
from tests.migrations.shop import Shop
from tests.migrations.test_fault import SLOW, WAITS, in_the_background, session, wait_until

FILLED = "INSERT INTO orders (total, remark) SELECT n, repeat('x', 500) FROM generate_series(1, 40000) n"
"""About 22 MB: a rewrite of that is estimated at 0.4 seconds, a scan at 0.1."""

_NUMBERS = count(1)
BESIDE = (
    "with op.get_context().autocommit_block():\n"
    "        op.create_index('o2', 'orders', ['total'], postgresql_concurrently=True)"
)


@pytest.fixture(scope="module")
def first_filled(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """What the others are copied from."""
    shop = Shop(tmp_path_factory.mktemp("first"), server, "first_filled").made()
    shop.migrate()
    shop.sql(FILLED)
    return shop


@pytest.fixture
def filled(first_filled: Shop, server: Cluster, tmp_path: Path) -> Shop:
    return Shop(tmp_path, server, f"filled{next(_NUMBERS)}").made(of=first_filled.database)


@pytest.mark.parametrize(
    ("up", "held"),
    [
        ("op.alter_column('orders', 'total', type_=sa.Numeric)", "WRITES"),
        ("op.create_index('orders_total2', 'orders', ['total'])", "READS"),
        ("op.execute('ALTER TABLE public.\"orders\" ALTER COLUMN remark SET NOT NULL')", "READS"),
        ("op.create_check_constraint('positive', 'orders', 'total > 0')", "READS"),
        ("op.execute('ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID')", ""),
        ("op.add_column('orders', sa.Column('more', sa.Text))", ""),
        ("op.alter_column('rates', 'rate', type_=sa.Integer)", ""),
        ("op.alter_column('clients', 'name', type_=sa.String(9))", ""),
        (BESIDE, ""),
    ],
)
def test_what_it_would_hold_is_estimated(up: str, held: str, filled: Shop) -> None:
    """From what it does and how large the table is; what reads nothing, or a table without rows, is not told."""
    write_revision(filled.scripts, "r21", LAST, up)
    said = filled.done("plan", "--layer", "migration", status=2)
    found = re.search(r"keeps others off (\S+) \((\d+\.?\d*)MB\) for about (\S+)s", said)
    assert (found is not None) is bool(held), said
    if found is not None:
        rate = {"WRITES": 50, "READS": 200}[held]
        assert found[1] in ("orders", 'public."orders"')
        assert float(found[2]) > 15
        assert float(found[3]) == pytest.approx(float(found[2]) / rate, rel=0.02)


def test_one_that_would_hold_for_too_long_waits_for_a_word(filled: Shop) -> None:
    """And so does what stands on it; a saved plan says so too."""
    write_revision(filled.scripts, "r21", LAST, "op.add_column('orders', sa.Column('more', sa.Text))")
    write_revision(filled.scripts, "r22", "r21", "op.alter_column('orders', 'total', type_=sa.Numeric)")
    write_revision(filled.scripts, "r23", "r22", "op.add_column('orders', sa.Column('rest', sa.Text))")
    filled.spec("max_lock: 200ms")
    said = filled.migrate(status=2)
    assert "not done: " in said
    assert "(only with --allow-downtime)" in said
    assert filled.versions == ["r21"]
    filled.done("plan", "--layer", "migration", "--out", "plan.json", status=2)
    filled.migrate("--plan", "plan.json", "--allow-downtime")
    assert filled.versions == ["r23"]


def test_one_that_holds_for_too_long_is_stopped(filled: Shop) -> None:
    """Whatever was estimated; nothing of it is there, and with a word it takes its time."""
    filled.spec("max_lock: 500ms")
    up = f"op.add_column('orders', sa.Column('more', sa.Text))\n    {SLOW.format(60)}"
    write_revision(filled.scripts, "r21", LAST, up)
    began = time.monotonic()
    said = filled.migrate(status=1)
    assert time.monotonic() - began < 30
    assert (
        "revision r21: it kept others off public.orders for longer than max_lock, 500ms, and was stopped"
        in said
    )
    assert filled.versions == [LAST]
    write_revision(filled.scripts, "r21", LAST, up.replace("60", "1"))
    said = filled.migrate("--allow-downtime")
    assert re.search(r"\(kept others off public.orders for (0\.[789]|1)", said), said
    assert filled.versions == ["r21"]


def test_one_that_sleeps_in_python_is_stopped(filled: Shop) -> None:
    """There is no statement to cancel, so its session is ended."""
    filled.spec("max_lock: 300ms")
    sleeps = "import time; time.sleep(4)\n    op.execute('SELECT 1')"
    up = f"op.add_column('orders', sa.Column('more', sa.Text))\n    {sleeps}"
    write_revision(filled.scripts, "r21", LAST, up)
    assert "it kept others off public.orders for longer than max_lock" in filled.migrate(status=1)
    assert filled.versions == [LAST]


def test_one_that_keeps_nobody_off_is_not_stopped(filled: Shop) -> None:
    """A table that it makes itself, one that it reads and writes, an index that is made beside others' work."""
    filled.spec("max_lock: 300ms")
    writes = (
        "op.create_table('ours', sa.Column('id', sa.Integer))\n    op.execute('UPDATE orders SET total = 1')"
    )
    up = f"{writes}\n    {SLOW.format(1)}"
    write_revision(filled.scripts, "r21", LAST, up)
    write_revision(filled.scripts, "r22", "r21", BESIDE)
    with session(filled) as other:
        filled.migrate("--to", "r21", status=2)
        other.execute("BEGIN")
        other.execute("UPDATE orders SET total = 2 WHERE id = 1")
        running = in_the_background(filled)
        wait_until(filled, WAITS)
        time.sleep(0.6)  # longer than max_lock
        other.execute("COMMIT")
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert filled.versions == ["r22"]


def test_what_clients_saw_under_pgbench(filled: Shop, tmp_path: Path) -> None:
    """No transaction fails, and the longest of them waited for about as long as we say that somebody did."""
    script = tmp_path / "buy.sql"
    script.write_text(
        "\\set id random(1, 40000)\nUPDATE public.orders SET total = total + 1 WHERE id = :id;\n"
    )
    up = f"op.add_column('orders', sa.Column('more', sa.Text))\n    {SLOW.format(1.5)}"
    write_revision(filled.scripts, "r21", LAST, up)
    way = f"{filled.server.dsn} dbname={filled.database}"
    command = [str(found_program("pgbench", 16)), "-n", "-c4", "-T16", "-l", f"--log-prefix={tmp_path}/log"]
    bench = subprocess.Popen(
        [*command, "-f", str(script), way], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    time.sleep(2)
    said = filled.migrate()
    shown, _ = bench.communicate(timeout=60)
    assert bench.returncode == 0, shown
    assert "number of failed transactions: 0" in shown
    [log] = tmp_path.glob("log.*")
    longest = max(int(line.split()[2]) for line in log.read_text().splitlines()) / 1e6
    found = re.search(
        r"r21.*kept others off public.orders for (\S+)s, and somebody waited for (\S+)s\)", said
    )
    assert found is not None, said
    assert float(found[2]) == pytest.approx(longest, abs=0.3)
    assert float(found[1]) == pytest.approx(1.5, abs=0.4)


disk = pytest.fixture(small_disk)


def test_a_disk_that_is_full_in_a_rewrite(filled: Shop, disk: Disk) -> None:
    """The server says so, nothing of the revision is there, and with room it goes through."""
    disk.has(60)
    space, owner = disk.folder / "space", filled.server.data.stat()
    space.mkdir()
    os.chown(space, owner.st_uid, owner.st_gid)
    try:
        with filled.server.open("postgres") as connection:
            connection.execute(f"CREATE TABLESPACE small OWNER owner LOCATION '{space}'".encode())
        filled.sql("ALTER TABLE orders SET TABLESPACE small")
        before = filled.sql("SELECT count(*), sum(total) FROM orders")
        write_revision(filled.scripts, "r21", LAST, "op.alter_column('orders', 'total', type_=sa.Numeric)")
        disk.has(30)
        said = filled.migrate(status=1)
        assert "No space left on device" in said
        assert "r21.py:12: revision r21: " in said
        assert (filled.versions, filled.sql("SELECT count(*), sum(total) FROM orders")) == ([LAST], before)
        disk.has(100)
        filled.migrate()
        assert (filled.versions, filled.red()) == (["r21"], {})
        assert filled.sql("SELECT count(*), sum(total) FROM orders") == before
    finally:
        filled.sql("ALTER TABLE orders SET TABLESPACE pg_default")
        with filled.server.open("postgres") as connection:
            connection.execute("DROP TABLESPACE IF EXISTS small")


def test_a_size_that_cannot_be_read(filled: Shop) -> None:
    """With a limit nobody guesses; without one the plan is there, and says nothing of it."""
    write_revision(filled.scripts, "r21", LAST, "op.alter_column('orders', 'total', type_=sa.Numeric)")
    with session(filled) as other, other.transaction():
        other.execute("LOCK TABLE orders")
        assert "keeps others off" not in filled.done("plan", "--layer", "migration", status=2)
        filled.spec("max_lock: 1h")
        said = filled.done("plan", "--layer", "migration", status=1)
    assert "the size of orders cannot be read: canceling statement due to lock timeout" in said
