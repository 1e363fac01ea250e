"""The data directory on a mount of its own, and what happens when that fills up or is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.breaking import red
from tests.host.machine import Machine, booted, deployed
from tests.host.texts import pg15

pytestmark = [pytest.mark.docker, pytest.mark.long]

UNIT = "postgresql@15-main"


@pytest.fixture(scope="module")
def machine(bookworm: str) -> Iterator[Machine]:
    """A bare machine with a small disk of its own for the data."""
    with booted(bookworm, options=("--tmpfs", "/mnt/data:size=400m")) as found:
        found.spec(pg15().replace("cluster: {free", "cluster: {mount: /mnt/data, free"))
        deployed(found)
        yield found


def test_on_its_own_mount(machine: Machine) -> None:
    assert red(machine) == set()


def test_disk_filled(machine: Machine) -> None:
    """Not yet full: the server runs on, and the gate says it in time."""
    machine.run(
        "fallocate -l $(( $(df --output=avail -B1 /mnt/data | tail -1) - 50000000 )) /mnt/data/filler"
    )
    try:
        assert red(machine) == {"mount[/mnt/data/pg01].free"}
    finally:
        machine.run("rm /mnt/data/filler")
    assert red(machine) == set()


def test_not_mounted(machine: Machine) -> None:
    """The data was moved onto the disk of the system: the server does not mind, the spec does."""
    machine.run(
        f"systemctl stop {UNIT} && cp -a /mnt/data /mnt/copy && umount /mnt/data && cp -a /mnt/copy/. /mnt/data/"
        f" && systemctl start {UNIT}"
    )
    assert red(machine) == {"mount[/mnt/data].mounted"}
