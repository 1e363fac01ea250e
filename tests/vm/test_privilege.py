"""Each privilege that the product needs, taken away by itself: which one, where, and nothing beyond it is done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgdeploy.core.step import StepPlan
from pgdeploy.layers.vm.arrive import arrive
from pgdeploy.layers.vm.deadline import Deadline
from tests.simulators.proxmox.access import ADMINISTRATOR
from tests.vm.hasty import hasty
from tests.vm.site import Site
from tests.vm.whole import error_of, require_whole


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with hasty():
        yield


def _take(site: Site, privilege: str) -> None:
    token = site.proxmox.cluster.access.tokens["pgdeploy@pve!deploy"]
    token.own = {path: [held for held in all_ if held != privilege] for path, all_ in ADMINISTRATOR.items()}


def _give_back(site: Site) -> None:
    site.proxmox.cluster.access.tokens["pgdeploy@pve!deploy"].own = ADMINISTRATOR


NOTHING: list[str] = []
CLONED = ["qmclone"]

NEEDED = {
    "VM.Audit": ("/vms/9000", NOTHING),
    "VM.Clone": ("/vms/9000", NOTHING),
    "VM.Allocate": ("/vms/2002", NOTHING),
    "Datastore.Audit": ("/storage/local-zfs", NOTHING),
    "Datastore.AllocateSpace": ("/storage/local-zfs", NOTHING),
    "SDN.Use": ("/sdn/zones/localnetwork/vmbr0", NOTHING),
    "VM.Config.CPU": ("/vms/2002", CLONED),
    "VM.Config.Memory": ("/vms/2002", CLONED),
    "VM.Config.Network": ("/vms/2002", CLONED),
    "VM.Config.Options": ("/vms/2002", CLONED),
    "VM.Config.Disk": ("/vms/2002", CLONED),
    "VM.PowerMgmt": ("/vms/2002", [*CLONED, "qmconfig", "resize"]),
}
"""On which path the product lacks it, and the tasks that succeed before."""


@pytest.mark.parametrize("privilege", NEEDED)
def test_a_privilege_is_missing(privilege: str, site: Site) -> None:
    path, done = NEEDED[privilege]
    _take(site, privilege)
    text = error_of(site.apply)
    assert privilege in text
    assert path in text
    site.proxmox.settle()
    assert [task.type for task in site.proxmox.tasks if task.exitstatus == "OK"] == done
    assert sorted(site.proxmox.cluster.machines) == sorted([101, 9000, *([2002] if done else [])])
    _give_back(site)
    assert site.apply() == StepPlan()
    require_whole(site)


def test_what_proxmox_itself_says_of_it_is_how_it_is_given(site: Site) -> None:
    _take(site, "VM.Clone")
    assert (
        "forbids POST /nodes/node04/qemu/9000/clone: Permission check failed (/vms/9000, VM.Clone); the token "
        "pgdeploy@pve!deploy lacks VM.Clone on /vms/9000: give its user a role that has it, by pveum acl modify "
        "/vms/9000 --users pgdeploy@pve --roles ROLE, and where the token has privilege separation the token too: "
        "--tokens 'pgdeploy@pve!deploy'"
    ) in error_of(site.apply)


def test_moving_it_is_a_privilege_of_its_own(site: Site) -> None:
    """A clone is made on the template's node; here it shall be on another."""
    site.change("node: node04", "node: node03")
    _take(site, "VM.Migrate")
    text = error_of(site.apply)
    assert "VM.Migrate on /vms/2002" in text
    _give_back(site)
    assert site.apply() == StepPlan()
    require_whole(site)


@pytest.mark.parametrize("privilege", ["VM.GuestAgent.Audit", "VM.GuestAgent.FileRead"])
def test_asking_the_guest(privilege: str, site: Site) -> None:
    """The VM is made; what fails is the way in, at once, as no waiting helps."""
    _take(site, privilege)
    site.apply()
    declared = site.declared
    text = error_of(
        lambda: arrive(declared, site.api(), None, Deadline("20s", site.notes.append), site.notes.append)
    )
    assert privilege in text
    assert "/vms/2002" in text
    _give_back(site)
    arrive(declared, site.api(), None, Deadline("20s", site.notes.append), site.notes.append)


@pytest.mark.parametrize("privilege", ["VM.GuestAgent.Audit", "Sys.Audit", "SDN.Audit"])
def test_what_is_only_looked_at(privilege: str, site: Site) -> None:
    """It is made without; at most a check cannot be read then."""
    _take(site, privilege)
    assert site.apply() == StepPlan()
    _give_back(site)
    require_whole(site)


def test_an_address_that_may_not_be_asked_is_unreadable_and_not_absent(site: Site) -> None:
    site.apply()
    _take(site, "VM.GuestAgent.Audit")
    unreadable = {known: found for known, found in site.findings().items() if found.verdict == "unreadable"}
    assert unreadable
    assert all("VM.GuestAgent.Audit" in found.reason for found in unreadable.values())


def test_all_but_looking_is_forbidden(site: Site) -> None:
    """A plan needs no more than that."""
    token = site.proxmox.cluster.access.tokens["pgdeploy@pve!deploy"]
    token.own = {"/vms": ["VM.Audit"], "/storage": ["Datastore.Audit"]}
    assert len(site.plan().steps) == 4
    assert "VM.Clone" in error_of(site.apply)
