"""What a host cannot become is refused at once, with the reason and what to do, and nothing is changed on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.machine import ROOT, Machine, as_user, booted, deploy, said
from tests.host.texts import pg15

pytestmark = [pytest.mark.docker, pytest.mark.long]

SNAPSHOT = (
    "dpkg-query -W; find /etc /var/lib/apt/lists /mnt /var/lib/pgdeploy /tmp -newer /refused-since 2>/dev/null"
    " | grep -v -e '^/etc$' -e /tmp/systemd -e '^/tmp$' || true"
)
"""What a refusal must leave as it was."""


@pytest.fixture(scope="module")
def machine(bookworm: str) -> Iterator[Machine]:
    with booted(bookworm) as found:
        found.run("touch /refused-since")
        yield found


def refused(machine: Machine, spec: str) -> str:
    """Deploy, which must be refused with nothing changed; gives the reason."""
    machine.spec(spec)
    before = machine.run(SNAPSHOT)
    done = deploy(machine)
    told = said(done)
    assert done.returncode == 1, told
    assert "Traceback" not in told
    assert "Starting operation" not in told
    assert machine.run(SNAPSHOT) == before
    lines = [line for line in told.splitlines() if "refused, nothing is changed" in line]
    assert len(lines) == 1, told
    return lines[0]


def with_line(spec: str, old: str, new: str) -> str:
    assert old in spec
    return spec.replace(old, new)


def test_another_postgresql_than_the_distribution_has(machine: Machine) -> None:
    reason = refused(machine, with_line(pg15(), "postgres: 15", "postgres: 16"))
    assert "itself has PostgreSQL 15, the spec says 16" in reason
    assert "source: pgdg" in reason


def test_an_unreachable_repository(machine: Machine) -> None:
    source = f"{{uri: 'http://127.0.0.1:9/pgdg', suite: bookworm-pgdg, key: {ROOT / 'LICENSE'}}}"
    reason = refused(machine, pg15(source))
    assert "apt does not take the package source http://127.0.0.1:9/pgdg" in reason
    assert "check the address" in reason


def test_a_key_file_that_is_not_there(machine: Machine) -> None:
    reason = refused(machine, pg15("{uri: 'http://127.0.0.1:9/pgdg', suite: x, key: nowhere.asc}"))
    assert "nowhere.asc: No such file or directory" in reason


def test_too_little_memory(machine: Machine) -> None:
    reason = refused(machine, pg15() + "machine: {memory: 4TB}\n")
    assert "of memory, the spec counts with 4TB" in reason


def test_shared_buffers_beyond_memory(machine: Machine) -> None:
    reason = refused(machine, with_line(pg15(), "shared_buffers: 64MB", "shared_buffers: 3TB"))
    assert "shared_buffers is 3072.0 GB, and the host has" in reason


def test_too_little_room(machine: Machine) -> None:
    machine.run("mkdir -p /mnt/data && mount -t tmpfs -o size=50m none /mnt/data")
    try:
        reason = refused(machine, pg15())
        assert "50 MB are free for /mnt/data/pg01, and 100 MB are needed" in reason
    finally:
        machine.run("umount /mnt/data && rmdir /mnt/data")


def test_nothing_mounted_where_the_data_should_be(machine: Machine) -> None:
    reason = refused(machine, with_line(pg15(), "cluster: {free", "cluster: {mount: /mnt/data, free"))
    assert "nothing is mounted at /mnt/data" in reason


def test_a_data_directory_that_holds_something_else(machine: Machine) -> None:
    machine.run("mkdir -p /mnt/data/pg01 && echo precious > /mnt/data/pg01/notes.txt")
    try:
        reason = refused(machine, pg15())
        assert "/mnt/data/pg01 holds something" in reason
        assert "notes.txt" in reason
        assert machine.run("cat /mnt/data/pg01/notes.txt") == "precious"
    finally:
        machine.run("rm -r /mnt/data")


def test_a_data_directory_of_another_version(machine: Machine) -> None:
    machine.run("mkdir -p /mnt/data/pg01 && echo 13 > /mnt/data/pg01/PG_VERSION")
    try:
        assert "a cluster of PostgreSQL 13" in refused(machine, pg15())
    finally:
        machine.run("rm -r /mnt/data")


def test_a_cluster_elsewhere(machine: Machine) -> None:
    machine.run(
        "mkdir -p /etc/postgresql/15/main && "
        "echo \"data_directory = '/var/lib/postgresql/15/main'\" > /etc/postgresql/15/main/postgresql.conf"
    )
    try:
        reason = refused(machine, pg15())
        assert "the cluster 15/main is there already, in /var/lib/postgresql/15/main" in reason
        assert "docs/host.md" in reason
    finally:
        machine.run("rm -r /etc/postgresql")


def test_a_firewall_that_would_shut_us_out(machine: Machine) -> None:
    reason = refused(machine, with_line(pg15(), "{ssh: [172.16.0.0/12]", "{ssh: [192.0.2.0/24]"))
    assert "it would shut itself out" in reason


def test_no_apt(machine: Machine) -> None:
    machine.run("mv /usr/bin/apt-get /usr/bin/apt-get.away")
    try:
        assert "has no apt" in refused(machine, pg15())
    finally:
        machine.run("mv /usr/bin/apt-get.away /usr/bin/apt-get")


def test_no_python(machine: Machine) -> None:
    machine.run("mv /usr/bin/python3 /usr/bin/python3.away")
    try:
        assert "install python3" in refused(machine, pg15())
    finally:
        machine.run("mv /usr/bin/python3.away /usr/bin/python3")


def test_no_sudo(machine: Machine) -> None:
    as_user(machine, "carol")
    try:
        reason = refused(machine, pg15())
        assert "carol needs sudo without a password" in reason
    finally:
        as_user(machine, "root")


def test_a_host_key_that_is_not_the_known_one(machine: Machine) -> None:
    known = machine.folder / "known_hosts"
    right = known.read_text()
    other = machine.folder / "key.pub"
    known.write_text(f"{machine.address} {other.read_text()}")
    try:
        done = deploy(machine)
        assert done.returncode == 1
        assert "Starting operation" not in said(done)
    finally:
        known.write_text(right)
