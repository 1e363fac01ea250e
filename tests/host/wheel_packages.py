"""PostgreSQL versions that Debian does not have, as packages in a signed repository on the machine itself."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from pgdeploy.reach.programs import wheel_bin
from tests.host.machine import Machine

SUITE = "trixie-pgdg"

PACK = """\
set -e
root=/making/{major} && at=$root/usr/lib/postgresql/{major} && mkdir -p $at $root/DEBIAN /srv/pool
tar -x -C $at --no-same-owner && mkdir -p /making/client/DEBIAN
described() {{ printf 'Package: %s\\nVersion: %s-1.pgdg13+1\\nArchitecture: %s\\nMaintainer: tests <t@example.org>\\n' \
  $1 $($at/bin/postgres --version | grep -o '[0-9.]*$') $(dpkg --print-architecture); shift; printf '%s\\n' "$@"; }}
described postgresql-{major} 'Depends: postgresql-client-{major}, postgresql-common' 'Description: server' \
  > $root/DEBIAN/control
described postgresql-client-{major} 'Depends: postgresql-client-common' 'Description: client' \
  > /making/client/DEBIAN/control
dpkg-deb -Znone -b $root /srv/pool/postgresql-{major}.deb >/dev/null
dpkg-deb -Znone -b /making/client /srv/pool/postgresql-client-{major}.deb >/dev/null
"""

PUBLISH = f"""\
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update >/dev/null
apt-get -qq install -y --no-install-recommends apt-utils gpg gpg-agent >/dev/null 2>&1
gpg -q --batch --passphrase '' --quick-gen-key good rsa2048 sign 1y
gpg -q --armor --export good > /making/good.asc
cd /srv && dist=dists/{SUITE} && main=$dist/main/binary-$(dpkg --print-architecture) && mkdir -p $main
apt-ftparchive packages pool > $main/Packages
apt-ftparchive -o APT::FTPArchive::Release::Suite={SUITE} -o APT::FTPArchive::Release::Components=main \
  release $dist > /making/Release
gpg -q --batch --yes -u good --clearsign -o $dist/InRelease /making/Release
systemd-run -q --unit=mirror python3 -m http.server 80 --bind 127.0.0.1 --directory /srv
"""


def published(machine: Machine, majors: Sequence[int]) -> str:
    """Serve the wheel's programs of these versions as packages; gives `source:` of a spec that takes them."""
    for major in majors:
        place = wheel_bin(major).parent
        _piped(place, ["bin", "lib", "share"], machine, PACK.format(major=major))
    # where the wheel's programs look for libraries
    wheel = place.parent
    _piped(wheel.parent, [f"{wheel.name}.libs"], machine, "tar -x -C /usr/lib --no-same-owner")
    machine.run(PUBLISH)
    key = machine.folder / "good.asc"
    key.write_text(machine.run("cat /making/good.asc") + "\n")
    return f"{{uri: 'http://127.0.0.1', suite: {SUITE}, key: {key}}}"


def _piped(folder: Path, names: Sequence[str], machine: Machine, script: str) -> None:
    """These of the folder, as a tar that the script on the machine reads."""
    with subprocess.Popen(["tar", "-C", str(folder), "-c", *names], stdout=subprocess.PIPE) as packed:
        words = ["docker", "exec", "-i", machine.container, "sh", "-c", script]
        subprocess.run(words, stdin=packed.stdout, check=True, capture_output=True)
