"""A repository of one's own, laid out and signed as apt.postgresql.org is: its packages, and no others, are taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.host.machine import Machine, booted, deployed
from tests.host.test_deploy import totals
from tests.host.test_refusal import refused
from tests.host.texts import pg15

pytestmark = [pytest.mark.docker, pytest.mark.long]

NAMES = ("postgresql-15", "postgresql-client-15")

# Debian's own packages under a higher version; a deb unpacks the faster the less it is packed.
MAKE = """\
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update >/dev/null
apt-get -qq install -y --no-install-recommends apt-utils gpg gpg-agent >/dev/null 2>&1
mkdir -p /making /srv/pool && cd /making && apt-get -qq download postgresql-15 postgresql-client-15 2>/dev/null
for deb in *.deb; do
  dpkg-deb -R $deb tree
  was=$(dpkg-deb -f $deb Version)
  for new in 1 2; do
    sed -i "s/^Version: .*/Version: $was+pgdg12+$new/" tree/DEBIAN/control
    dpkg-deb -Znone -b tree /making/$new-${deb%%_*}.deb >/dev/null
  done
  rm -r tree
done
gpg -q --batch --passphrase '' --quick-gen-key good rsa2048 sign 1y
gpg -q --batch --passphrase '' --quick-gen-key other rsa2048 sign 1y
gpg -q --batch --passphrase '' --faked-system-time 20200101T000000 --quick-gen-key old rsa2048 sign 1y
for key in good other old; do gpg -q --armor --export $key > /making/$key.asc; done
systemd-run -q --unit=mirror python3 -m http.server 80 --directory /srv
"""

PUBLISH = """\
set -e
cd /srv && dist=dists/bookworm-pgdg && main=$dist/main/binary-$(dpkg --print-architecture)
cp /making/{number}-*.deb pool/ && mkdir -p $main && rm -f $dist/*Release*
apt-ftparchive packages pool > $main/Packages
apt-ftparchive -o APT::FTPArchive::Release::Suite=bookworm-pgdg -o APT::FTPArchive::Release::Components=main \
  release $dist > /making/Release
gpg -q --batch --yes -u good --clearsign -o $dist/InRelease /making/Release
"""

SPOIL = """\
set -e
cd /srv && for name in tampered packages expired; do mkdir -p $name && cp -r dists pool $name/; done
sed -i 's/^Components: main/Components: main evil/' tampered/dists/bookworm-pgdg/InRelease
sed -i 's/^Priority: optional/Priority: required/' packages/dists/bookworm-pgdg/main/binary-*/Packages
gpg -q --batch --yes -u old --faked-system-time 20200102T000000 --clearsign \
  -o expired/dists/bookworm-pgdg/InRelease /making/Release
"""


@dataclass(frozen=True)
class Mirror:
    machine: Machine
    folder: Path

    def key(self, name: str) -> Path:
        file = self.folder / f"{name}.asc"
        file.write_text(self.machine.run(f"cat /making/{name}.asc") + "\n")
        return file

    def spec(self, path: str = "", key: str = "good", more: str = "") -> str:
        """The spec whose packages are from here."""
        uri = f"http://{self.machine.address}{path}"
        return pg15(f"{{uri: '{uri}', suite: bookworm-pgdg, key: {self.key(key)}}}{more}")

    def publish(self, number: int) -> None:
        self.machine.run(PUBLISH.format(number=number))

    def version(self, number: int) -> str:
        return self.machine.run(f"dpkg-deb -f /making/{number}-postgresql-15.deb Version")


@pytest.fixture(scope="module")
def mirror(bookworm: str) -> Iterator[Mirror]:
    with booted(bookworm, "mirror") as machine:
        machine.run(MAKE)
        mirror = Mirror(machine, machine.folder)
        mirror.publish(1)
        machine.run(SPOIL)
        yield mirror


@pytest.fixture(scope="module")
def machine(bookworm: str) -> Iterator[Machine]:
    with booted(bookworm) as found:
        found.run("touch /refused-since")
        yield found


@pytest.fixture(scope="module")
def pg01(machine: Machine, mirror: Mirror) -> Machine:
    """Deployed from the mirror."""
    machine.spec(mirror.spec())
    deployed(machine)
    return machine


def installed(machine: Machine) -> list[str]:
    return machine.run(f"dpkg-query -W -f '${{Version}} ' {' '.join(NAMES)}").split()


def converged(machine: Machine) -> None:
    """No changes, held, and the gate is green: also for the version and where it came from."""
    assert totals(deployed(machine))[:2] == ["-", "-"]
    assert machine.run("apt-mark showhold") == "postgresql-15"
    done = machine.pgdeploy("check", "prod-pg01")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "key", "reason"),
    [
        ("", "other", "NO_PUBKEY"),
        ("/tampered", "good", "BADSIG"),
        ("/expired", "old", "EXPKEYSIG"),
    ],
)
def test_a_signature_that_does_not_hold(
    machine: Machine, mirror: Mirror, path: str, key: str, reason: str
) -> None:
    told = refused(machine, mirror.spec(path, key))
    assert f"apt does not take the package source http://{mirror.machine.address}{path}: " in told
    assert reason in told
    assert told.endswith("; check the key")


def test_a_list_of_packages_that_was_tampered_with(machine: Machine, mirror: Mirror) -> None:
    told = refused(machine, mirror.spec("/packages"))
    assert "Hash Sum mismatch" in told or "unexpected size" in told
    assert "check the key" not in told


def test_the_packages_are_the_mirrors(pg01: Machine, mirror: Mirror) -> None:
    assert installed(pg01) == [mirror.version(1)] * 2
    assert "pgdeploy.sources" in pg01.run("ls /etc/apt/sources.list.d")
    assert pg01.run("ls /etc/apt/trusted.gpg.d") == mirror.machine.run("ls /etc/apt/trusted.gpg.d")
    converged(pg01)


def test_the_origin_is_checked(pg01: Machine, mirror: Mirror) -> None:
    """Told that they should be from elsewhere, the gate says where they are from."""
    pg01.spec(mirror.spec("/elsewhere"))
    try:
        done = pg01.pgdeploy("check", "prod-pg01")
        assert done.returncode == 2, done.stderr
        assert "package[postgresql-15].origin" in done.stdout
    finally:
        pg01.spec(mirror.spec())


def test_a_newer_version_does_not_come_by_an_upgrade(pg01: Machine, mirror: Mirror) -> None:
    mirror.publish(2)
    pg01.run("apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq upgrade -y")
    assert installed(pg01) == [mirror.version(1), mirror.version(2)], "the server is held, its client is not"
    # the deployment record takes the client's new version in
    deployed(pg01)
    converged(pg01)


def test_the_version_that_the_spec_names(pg01: Machine, mirror: Mirror) -> None:
    """Up and down again, with the data kept, and held each time."""
    pg01.sql("CREATE TABLE notes AS SELECT 'precious' AS note", "shop")
    for number in (2, 1):
        pg01.spec(mirror.spec(more=f", version: '{mirror.version(number)}'"))
        deployed(pg01)
        assert installed(pg01) == [mirror.version(number)] * 2
        converged(pg01)
        assert pg01.sql("SELECT note FROM notes", "shop") == "precious"
