"""Releases of a server with pgBackRest: rehearsed on a restored cluster, made, taken back, and restored to before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host.machine import Machine, booted, deployed, said
from tests.host.texts import BACKUP, pg15

pytestmark = [pytest.mark.docker, pytest.mark.long]

RELEASE = """
migrations:
  shop: {sql: ../migrations}
smoke: {checks: ['migration[*', 'grant[*', 'role[*', 'database[*']}
release:
  journal: ../journals
"""
FILES = {
    "0001_orders.up": "CREATE TABLE orders AS SELECT g AS id FROM generate_series(1, 100) AS g;",
    "0001_orders.down": "DROP TABLE orders;",
}


@pytest.fixture(scope="module")
def town(bookworm_deployed: str) -> Iterator[Machine]:
    # a container's own disk has directories that cannot be renamed
    with booted(bookworm_deployed, options=["-v", "/mnt/data"]) as machine:
        backup = BACKUP.replace("app.orders", "public.orders").replace(", at_least: 100", ", at_least: 0")
        machine.spec(pg15() + backup + RELEASE)
        write(machine, FILES)
        deployed(machine)
        release(machine)
        yield machine


def write(machine: Machine, files: dict[str, str]) -> None:
    folder = machine.folder / "migrations"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text + "\n")


def release(machine: Machine, *words: str, status: int = 0) -> str:
    done = machine.pgdeploy("release", "prod-pg01", "--yes", "--force", "lint", *words)
    assert done.returncode == status, said(done)
    assert "canary" not in said(done)
    return said(done)


def journal(machine: Machine) -> list[dict[str, Any]]:
    newest = max(Path(machine.folder / "journals/prod-pg01").glob("*.jsonl"))
    return [json.loads(line) for line in newest.read_text().splitlines()]


def rows(machine: Machine) -> int:
    return int(machine.sql("SELECT count(*) FROM public.orders", "shop"))


def test_rehearsed_made_and_restored(town: Machine) -> None:
    """One story, as each part stands on the one before."""
    write(
        town,
        {
            "0002_note.up": "ALTER TABLE orders ADD COLUMN note text;",
            "0002_note.down": "ALTER TABLE orders DROP COLUMN note;",
        },
    )
    done = town.pgdeploy("rehearse", "prod-pg01", "--json")
    assert done.returncode == 0, said(done)
    found = json.loads(done.stdout)
    assert found["good"]
    assert 0 < found["rto"] < 60
    assert found["rpo"] < 60, "WAL up to this moment"
    assert town.sql("SELECT count(*) FROM pg_attribute WHERE attname = 'note'", "shop") == "0"

    said_of_it = release(town, "--require-rehearsal", "1h")
    assert "as rehearsed: no lock may last longer than" in said_of_it
    assert journal(town)[1]["event"] == "backup"
    assert journal(town)[1]["point"].startswith("pgdeploy ")
    assert town.sql("SELECT count(*) FROM public.schema_versions", "shop") == "2"

    town.spec(
        (town.specs / "prod-pg01.yaml").read_text() + "  on_failure: restore\n  maintenance: {roles: [app]}\n"
    )
    write(
        town,
        {
            "0003_bad.up": "DELETE FROM orders;",
            "0003_bad.down": "SELECT 1;",
            "0004_worse.up": "SELECT 1 / 0;",
        },
    )
    said_of_it = release(town, "--force", "destructive", status=2)
    assert "restored" in said_of_it
    assert "the old data directory is kept as /mnt/data/pg01.before-" in said_of_it
    assert rows(town) == 100
    assert town.sql("SELECT count(*) FROM public.schema_versions", "shop") == "2"
    assert town.sql("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'app'") == "-1"
    assert journal(town)[-1]["result"] == "restored"


def test_the_way_back_by_a_person(town: Machine) -> None:
    for file in (town.folder / "migrations").glob("000[34]*"):
        file.unlink()
    done = town.pgdeploy("rollback", "prod-pg01", "--steps", "1", "--yes")
    assert done.returncode == 0, said(done)
    assert town.sql("SELECT count(*) FROM public.schema_versions", "shop") == "1"
    assert rows(town) == 100


def test_a_server_that_does_not_answer(town: Machine) -> None:
    """Nobody can ask it anything, and its newest proved backup comes back."""
    proved = town.pgdeploy("backup", "prod-pg01", "prove")
    assert proved.returncode == 0, said(proved)
    town.run("systemctl stop postgresql@15-main; mv /mnt/data/pg01/global /mnt/data/pg01/global.lost")
    done = town.pgdeploy("rollback", "prod-pg01", "--emergency", "the disk lost files", "--yes")
    assert done.returncode == 0, said(done)
    assert "with all WAL up to now" in said(done)
    assert "the server does not answer" in said(done)
    assert "taken back, and healthy" in said(done)
    assert rows(town) == 100
