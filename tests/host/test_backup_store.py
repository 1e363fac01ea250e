"""Backups by pgBackRest into a store that speaks S3: keys, certificates, a region that is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from tests.host.breaking import red
from tests.host.machine import SECRETS, Machine, booted, deployed, said
from tests.host.store import BUCKET, HOSTS, KEYS, NAME, REGION, Store, signed, stored
from tests.host.texts import pg17
from tests.host.written import commands, typed

pytestmark = [pytest.mark.docker, pytest.mark.long]

CONFIG, CA = "/etc/pgbackrest/pgbackrest.conf", "/etc/ssl/store.crt"
BACKUP = """\
backup:
  engine: pgbackrest
  repositories:
    - {{retention: {{count: 2}}}}
    - s3: {{bucket: {bucket}, endpoint: '{name}:{port}', region: {region}, style: {style}, ca: {ca},
            key: {{env: PG01_S3_KEY}}, secret: {{env: PG01_S3_SECRET}}}}
      passphrase: {{env: PG01_BACKUP_PASSPHRASE}}
      retention: {{days: 30}}
"""
SECOND = {"backup[repository 2].reachable"}


def spec(store: Store, style: str = "path") -> str:
    return pg17() + BACKUP.format(
        bucket=BUCKET, name=NAME, port=store.port, region=REGION, ca=CA, style=style
    )


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with patch.dict(SECRETS, KEYS), stored() as made:
        yield made


@pytest.fixture(scope="module")
def town(trixie_deployed: str, store: Store) -> Iterator[Machine]:
    """PostgreSQL 17 with a repository on the host, and one in the store."""
    with booted(trixie_deployed, options=["-v", "/mnt/data", *HOSTS]) as machine:
        machine.run(f"cat > {CA}", stdin=store.certificate.read_text())
        machine.spec(spec(store))
        text = deployed(machine, "-vvv", "--diff")
        assert not [name for name in (*KEYS.values(), SECRETS["PG01_BACKUP_PASSPHRASE"]) if name in text]
        proved = machine.pgdeploy("backup", "prod-pg01", "prove")
        assert proved.returncode == 0, said(proved)
        yield machine


def test_both_hold_all_of_it(town: Machine, store: Store) -> None:
    assert red(town) == set()
    assert "No changes" in deployed(town)
    found = town.pgdeploy("backup", "prod-pg01", "verify")
    assert "repositories read: 2, faults: 0" in said(found)
    labels = [line.split(":")[0] for line in said(town.pgdeploy("backup", "prod-pg01", "list")).splitlines()]
    assert len(labels) == 2
    assert len(set(labels)) == 2


def test_the_bucket_in_the_name_of_the_host(town: Machine, store: Store) -> None:
    """Both styles lead to the same bucket: what was stored in one is read in the other."""
    town.spec(spec(store, "host"))
    try:
        assert red(town) == {"backup[configuration].text", "deployment[record].spec"}
        deployed(town)
        assert red(town) == set()
        found = town.pgdeploy("backup", "prod-pg01", "verify")
        assert "repositories read: 2, faults: 0" in said(found)
    finally:
        town.spec(spec(store))
        deployed(town)


@pytest.mark.parametrize(
    "script",
    [
        f"sed -i s/s3-key-secret=.*/s3-key-secret=wrong/ {CONFIG}",
        f"sed -i s/s3-key=.*/s3-key=wrong/ {CONFIG}",
        f"sed -i s/repo2-cipher-pass=.*/repo2-cipher-pass=wrong/ {CONFIG}",
    ],
    ids=["wrong secret key", "wrong access key", "wrong passphrase"],
)
def test_a_wrong_secret_turns_one_repository_red(script: str, town: Machine) -> None:
    town.run(f"cp -p {CONFIG} /root/conf && {script}")
    try:
        assert red(town) == SECOND
    finally:
        town.run(f"cp -p /root/conf {CONFIG}")
    if red(town):  # a file of WAL that ended meanwhile could not be archived
        archived(town)
    assert red(town) == set()


def test_a_certificate_that_nobody_vouches_for(town: Machine, store: Store) -> None:
    signed(store.folder, "other")
    town.run(f"cat > {CA}", stdin=(store.folder / "other.crt").read_text())
    try:
        assert red(town) == SECOND
    finally:
        town.run(f"cat > {CA}", stdin=store.certificate.read_text())


def test_a_bucket_that_is_gone(town: Machine) -> None:
    town.run(f"cp -p {CONFIG} /root/conf && sed -i s/s3-bucket=.*/s3-bucket=elsewhere/ {CONFIG}")
    try:
        found = red(town)
        assert set(found) - {"backup[wal].archiving", "backup[wal].lag"} == SECOND | {
            "backup[configuration].text"
        }, found
    finally:
        town.run(f"cp -p /root/conf {CONFIG}")


def archived(town: Machine) -> None:
    """Returns when all WAL up to now is in both repositories.

    After a failure PostgreSQL waits a minute before it tries again, and pgBackRest another one.
    """
    wal = town.sql("SELECT pg_walfile_name(pg_switch_wal())")
    end = time.monotonic() + 240
    while town.sql(f"SELECT coalesce(last_archived_wal, '') >= '{wal}' FROM pg_stat_archiver") != "t":
        assert time.monotonic() < end, wal
        time.sleep(0.2)


def test_a_region_that_is_lost(town: Machine, store: Store) -> None:
    """The host's own repository is gone: all comes back from the store, and the next deploy makes the other anew."""
    town.sql("CREATE SCHEMA app; CREATE TABLE app.orders AS SELECT 7 AS id", "shop")
    archived(town)
    town.run("rm -r /var/lib/pgbackrest/* && systemctl stop postgresql@17-main && rm -r /mnt/data/pg01")
    done = town.pgdeploy("restore", "prod-pg01", "--yes", "--no-backup")
    assert done.returncode == 0, said(done)
    assert "repository 2" in said(done)
    assert town.sql("SELECT id FROM app.orders", "shop") == "7"
    deployed(town)
    proved = town.pgdeploy("backup", "prod-pg01", "prove")
    assert proved.returncode == 0, said(proved)
    assert red(town) == set()


def test_a_host_that_is_lost(trixie_deployed: str, town: Machine, store: Store) -> None:
    """What the document says, in a terminal: another host, with a cluster of its own at first, becomes the lost one."""
    town.sql("CREATE TABLE IF NOT EXISTS public.kept AS SELECT 8 AS id", "shop")
    archived(town)
    with booted(trixie_deployed, options=["-v", "/mnt/data", *HOSTS]) as other:
        other.run(f"cat > {CA}", stdin=store.certificate.read_text())
        other.run("pg_dropcluster --stop 17 main")  # the image's is the cluster of the other host
        other.spec(spec(store))
        first, restored, second, proof = commands("docs/pgbackrest.md", "The host is lost")
        code, shown = typed(first, other)
        assert code == 1
        assert "of another cluster" in shown, shown
        assert other.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'kept'", "shop") == "0"
        code, shown = typed(restored, other)
        assert other.sql("SELECT id FROM public.kept", "shop") == "8", shown
        code, shown = typed(second, other)
        assert (code, "WARNING" in shown) == (2, False), shown
        code, shown = typed(proof, other)
        assert code == 0, shown
        assert red(other) == set()


def test_a_store_that_does_not_answer(town: Machine) -> None:
    """Nothing of it can be said, and all of the other repository; when it is back all goes on."""
    town.run(f"cp /etc/hosts /root/hosts; sed 's/.*{NAME}/127.0.0.1 {NAME}/' /root/hosts > /etc/hosts")
    try:
        found = red(town)
        assert set(found) >= SECOND
        assert all(" 2]" in name for name in found), found
    finally:
        town.run("cat /root/hosts > /etc/hosts")
    assert town.pgdeploy("backup", "prod-pg01", "now").returncode == 0
    assert red(town) == set()
