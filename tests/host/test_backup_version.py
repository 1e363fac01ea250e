"""pgBackRest with PostgreSQL 16, after pg_upgrade with 18: the stanza goes along, and each is proved and restored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.host.breaking import red
from tests.host.machine import Machine, booted, deployed, said
from tests.host.wheel_packages import published

pytestmark = [pytest.mark.docker, pytest.mark.long]

SPEC = """\
postgres: {major}
connect: {{ssh: {{host: pg01}}}}
settings: {{data_directory: /mnt/data/{major}, shared_buffers: 64MB, ssl: off}}
databases: {{shop: {{}}}}
host: {{packages: {{source: {source}}}, locale: en_US.UTF-8}}
backup:
  engine: pgbackrest
  repositories: [{{passphrase: {{env: PG01_BACKUP_PASSPHRASE}}}}]
  invariants: {{shop: [{{sql: SELECT count(*) FROM public.orders, at_least: 100}}]}}
"""


@dataclass(frozen=True)
class Town:
    machine: Machine
    source: str

    def spec(self, major: int) -> None:
        self.machine.spec(SPEC.format(major=major, source=self.source))

    def done(self, *words: str, status: int = 0) -> str:
        done = self.machine.pgdeploy(words[0], "prod-pg01", *words[1:])
        assert done.returncode == status, said(done)
        return said(done)


@pytest.fixture(scope="module")
def town(trixie: str) -> Iterator[Town]:
    """PostgreSQL 16, deployed with backups."""
    with booted(trixie, options=["-v", "/mnt/data"]) as machine:
        town = Town(machine, published(machine, (16, 18)))
        town.spec(16)
        deployed(machine)
        machine.sql("CREATE TABLE orders AS SELECT g AS id FROM generate_series(1, 100) g", "shop")
        yield town


def labels(town: Town) -> set[str]:
    return {line.split(":")[0] for line in town.done("backup", "list").splitlines()}


def proved_and_restored(town: Town) -> None:
    town.done("backup", "prove")
    assert red(town.machine) == set()
    town.machine.sql("SELECT pg_create_restore_point('before')")
    town.machine.sql("DROP TABLE orders", "shop")
    town.done("restore", "--yes", "--point", "before")
    assert town.machine.sql("SELECT count(*) FROM orders", "shop") == "100"


def test_16(town: Town) -> None:
    proved_and_restored(town)


def test_18_after_an_upgrade(town: Town) -> None:
    """The stanza is of 16 still: pg01.py brings it to 18, and makes a full backup; retention alone ends those of 16."""
    town.machine.run("apt-get -qq update && apt-get -qq install -y postgresql-18 >/dev/null 2>&1")
    before = labels(town)
    # the wheel's programs know no TLS, and Debian's clusters begin with it
    town.machine.run(
        "sed -i 's/^ssl = on/ssl = off/' /etc/postgresql/16/main/postgresql.conf"
        " && sed -i 's/^ssl = on/ssl = off/' /etc/postgresql-common/createcluster.conf"
    )
    town.machine.run("pg_upgradecluster -m upgrade -v 18 16 main /mnt/data/18 && pg_dropcluster 16 main")
    town.spec(18)
    deployed(town.machine)
    after = labels(town)
    assert after - before, "a full backup of the new version"
    assert after & before, "and what retention keeps of the old one"
    proved_and_restored(town)
