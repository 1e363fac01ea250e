"""Half a clone: one that another run still makes is waited for, one that nobody makes any more is said."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pgdeploy.layers.vm.step import request_of
from tests.simulators.proxmox.access import ADMINISTRATOR, ROOT
from tests.simulators.proxmox.clone import FIRST
from tests.simulators.proxmox.config import Config
from tests.simulators.proxmox.task import Task
from tests.vm.hasty import GRACE, hasty
from tests.vm.site import SECRET, Site
from tests.vm.whole import error_of, require_single, require_whole

BLIND = {path: privileges for path, privileges in ADMINISTRATOR.items() if path != "/nodes"}
"""A token that sees no tasks but its own."""


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with hasty():
        yield


@pytest.fixture(params=["auditor", "blind"])
def site_of(request: pytest.FixtureRequest, site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """With a token that may see all tasks of the nodes, and with one that may not."""
    acl = ADMINISTRATOR if request.param == "auditor" else BLIND
    monkeypatch.setenv(SECRET, site.proxmox.token(acl=acl))
    return site


def _wait_for_half(site: Site) -> None:
    for _ in range(1000):
        machine = site.proxmox.cluster.machines.get(2002)
        if machine is not None and machine.config.get("lock") == "clone":
            return
        threading.Event().wait(0.005)
    pytest.fail("no clone was begun")


def _begin_and_leave(site: Site) -> threading.Event:
    """A clone of ours that hangs; whoever began it is gone."""
    hold = site.proxmox.faults.hold_task(type="qmclone")
    request = request_of(site.plan().steps[0])
    site.api().post(*request.path, **request.parameters)
    _wait_for_half(site)
    return hold


def test_a_clone_that_takes_long_is_waited_for(site_of: Site) -> None:
    """Longer than a lock of nobody's may stay: the task is seen, as it is the token's own."""
    hold = _begin_and_leave(site_of)
    with ThreadPoolExecutor() as pool:
        second = pool.submit(site_of.apply)
        threading.Event().wait(GRACE * 3)
        assert not second.done()
        hold.set()
        assert second.result(20).steps == ()
    assert any("waiting for the task that holds it" in note for note in site_of.notes)
    assert [task.type for task in site_of.proxmox.tasks].count("qmclone") == 1
    require_whole(site_of)


def test_a_clone_that_fails_while_it_is_waited_for_is_made_anew(site_of: Site) -> None:
    hold = _begin_and_leave(site_of)
    site_of.proxmox.tasks[0].fault = "the other node went away"
    with ThreadPoolExecutor() as pool:
        second = pool.submit(site_of.apply)
        threading.Event().wait(GRACE)
        hold.set()
        assert second.result(20).steps == ()
    assert any("the other node went away" in note for note in site_of.notes)
    require_whole(site_of)


def test_a_clone_that_takes_too_long(site: Site) -> None:
    """It is said what was waited for, and the next run takes it up."""
    site.change("within: 20s", "within: 1s")
    hold = _begin_and_leave(site)
    text = error_of(site.apply)
    assert "the lock (clone)" in text
    assert "`within: 1s`" in text
    hold.set()
    site.proxmox.settle()
    site.apply()
    require_whole(site)


def test_our_own_clone_that_takes_too_long(site: Site) -> None:
    site.change("within: 20s", "within: 1s")
    hold = site.proxmox.faults.hold_task(type="qmclone")
    assert "waiting for the task that should clone template 9000" in error_of(site.apply)
    hold.set()
    site.apply()
    require_whole(site)


def test_half_a_clone_that_nobody_makes(site_of: Site) -> None:
    """As a node leaves it that lost its power: the task is gone, the lock is not, and it has a disk."""
    cluster = site_of.proxmox.cluster
    cluster.add_machine(2002, "node04", {**FIRST, "description": str(site_of.declared.record)})
    cluster.storage("local-zfs").allocate("node04", 2002, "raw", None, 1 << 30)
    text = error_of(site_of.apply)
    assert "VM 2002 is locked (clone), and no task that we may see holds it: half a clone is left" in text
    assert "On node04, as root: qm unlock 2002 && qm destroy 2002 --purge; then run it again" in text
    assert [task.type for task in site_of.proxmox.tasks] == []
    _as_it_says(site_of)
    site_of.apply()
    require_whole(site_of)


def _as_it_says(site: Site) -> None:
    """What `qm unlock` and `qm destroy` do."""
    site.proxmox.vm(2002).config.pop("lock")
    root = site.api()
    root.delete("nodes", "node04", "qemu", 2002, **{"purge": 1, "destroy-unreferenced-disks": 1})
    site.proxmox.settle()


def test_half_a_clone_as_it_is_first_written(site: Site) -> None:
    """Proxmox's own notes stand there until the clone is through: it is another's only when no lock holds it."""
    site.proxmox.cluster.add_machine(2002, "node04", FIRST)
    assert "half a clone is left" in error_of(site.apply)


def test_a_clone_of_another_user_is_waited_for_where_it_is_seen(site: Site) -> None:
    """Its task is root's; a token that may audit the node sees it."""
    done = threading.Event()
    machine = site.proxmox.cluster.add_machine(2002, "node04", FIRST)

    def work(task: Task) -> None:
        with site.proxmox.cluster.outside():
            done.wait(10)
        machine.config = Config({"name": "proj-pg01", "description": str(site.declared.record)})

    site.proxmox.cluster.tasks.fork("node04", "qmclone", 9000, ROOT, work)
    with ThreadPoolExecutor() as pool:
        second = pool.submit(site.apply)
        threading.Event().wait(GRACE * 3)
        assert not second.done()
        done.set()
        second.exception(20)
    assert any("waiting for the task that holds it" in note for note in site.notes)


def test_a_clone_of_another_user_that_is_not_seen(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a lock, and nobody who holds it: it is not taken for done, and nothing is touched."""
    monkeypatch.setenv(SECRET, site.proxmox.token(acl=BLIND))
    done = threading.Event()
    site.proxmox.cluster.add_machine(2002, "node04", FIRST)

    def work(task: Task) -> None:
        with site.proxmox.cluster.outside():
            done.wait(10)

    site.proxmox.cluster.tasks.fork("node04", "qmclone", 9000, ROOT, work)
    text = error_of(site.apply)
    done.set()
    assert "no task that we may see holds it" in text
    assert len(site.proxmox.tasks) == 1


def test_a_lock_that_is_let_go_in_time(site: Site) -> None:
    """A backup's, say: nobody's task is seen, but it is soon over."""
    site.apply()
    site.change("onboot: true", "onboot: false")
    site.proxmox.vm(2002).config["lock"] = "backup"

    def unlock(_: str, path: str) -> bool:
        if path.endswith("/tasks"):
            site.proxmox.vm(2002).config.pop("lock", None)
        return False

    site.proxmox.faults.drop(1, unlock)
    assert site.apply().steps == ()
    require_single(site.proxmox)
