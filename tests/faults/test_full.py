"""A disk that is full: said in one message, and when there is room again the next apply converges."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.faults.disk import Disk, small_disk
from tests.faults.site import SPEC, Site

NO_SPACE = re.compile("No space left on device|Check free disk space")


@pytest.fixture
def disk() -> Iterator[Disk]:
    yield from small_disk()


def test_too_small_for_a_cluster(disk: Disk) -> None:
    site = Site(disk.folder)
    code, said = site.run("apply", "--yes")
    assert code == 1
    assert "initdb failed" in said
    assert NO_SPACE.search(said), said
    assert "Traceback" not in said
    disk.has(200)
    assert site.run("apply", "--yes")[0] == 0


def test_full_in_the_middle(disk: Disk) -> None:
    site = Site(disk.folder)
    disk.has(200)
    site.say("postgres: 16\n")
    assert site.run("apply", "--yes")[0] == 0
    disk.leave(4)
    site.say(SPEC)
    code, said = site.run("apply", "--yes")
    assert code == 1
    assert NO_SPACE.search(said), said
    assert "Traceback" not in said
    disk.has(300)
    assert site.run("apply", "--yes")[0] == 0
    assert site.run("check", "--no-probes")[0] == 0
    assert site.servers() == []


def test_no_room_for_a_saved_plan(disk: Disk, site: Site) -> None:
    disk.leave(0)
    file = disk.folder / "plan.json"
    code, said = site.run("plan", "--out", str(file))
    assert (code, "No space left on device" in said) == (1, True), said
    assert str(file) in said
