"""What Proxmox refuses, or cannot do: one line that says what, and what to do; and it goes on when that is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from pgdeploy.core.step import StepPlan
from pgdeploy.layers.vm import power
from pgdeploy.layers.vm.deadline import Deadline
from pgdeploy.layers.vm.plan import plan_vm
from tests.simulators.proxmox.access import ADMINISTRATOR
from tests.simulators.proxmox.guest import MemoryGuest
from tests.vm.hasty import hasty
from tests.vm.site import SECRET, Site
from tests.vm.whole import GIB, error_of, require_untouched, require_whole


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with hasty():
        yield


def _mended(site: Site) -> None:
    assert site.apply() == StepPlan()
    require_whole(site)


# -- who asks ------------------------------------------------------------------------------------------


def _wrong_secret(site: Site, patch: pytest.MonkeyPatch) -> None:
    patch.setenv(SECRET, "00000000-0000-4000-8000-000000000000")


def _unknown_token(site: Site, patch: pytest.MonkeyPatch) -> None:
    site.proxmox.cluster.access.tokens.clear()


def _no_such_user(site: Site, patch: pytest.MonkeyPatch) -> None:
    site.proxmox.cluster.access.users.clear()


@pytest.mark.parametrize("break_", [_wrong_secret, _unknown_token, _no_such_user])
def test_401(
    break_: Callable[[Site, pytest.MonkeyPatch], None], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which token, and where its secret comes from; Proxmox asks no second time, as some count failures."""
    break_(site, monkeypatch)
    text = error_of(site.apply)
    assert "does not take the token pgdeploy@pve!deploy" in text
    assert f"${SECRET}" in text or SECRET in text
    assert "is it the right one, and not expired?" in text
    assert [seen.status for seen in site.proxmox.requests] == [401]
    require_untouched(site.proxmox)


def test_a_token_that_expires_on_the_way(site: Site) -> None:
    """Between the clone and its configuration."""
    tokens = site.proxmox.cluster.access.tokens
    kept = dict(tokens)

    def expire(_: str, path: str) -> bool:
        if path.endswith("/2002/config"):
            tokens.clear()
        return False

    site.proxmox.faults.drop(1, expire)
    assert "not expired?" in error_of(site.apply)
    site.proxmox.faults.clear()
    tokens.update(kept)
    _mended(site)


def test_no_secret(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET)
    assert SECRET in error_of(site.apply)
    assert site.proxmox.requests == []


# -- the way there -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [502, 503, 595, 596])
def test_a_look_is_taken_again(status: int, site: Site) -> None:
    """Five times in all; nobody is told."""
    for nth in range(1, 5):
        site.proxmox.faults.answer(nth, status)
    assert len(site.plan().steps) == 4
    assert [seen.status for seen in site.proxmox.requests][:5] == [status] * 4 + [200]


def test_a_way_that_stays_closed(site: Site) -> None:
    for nth in range(1, 6):
        site.proxmox.faults.answer(nth, 595)
    text = error_of(site.plan)
    assert "cannot reach its node: 595 No route to host" in text
    assert text.endswith("No route to host")
    assert len(site.proxmox.requests) == 5


def test_a_write_is_not_asked_again_before_it_is_looked_for(site: Site) -> None:
    """What runs is asked for, and then the list of VMs."""
    for nth in range(1, 3):
        site.proxmox.faults.lose(nth, lambda method, path: method == "POST" and path.endswith("/clone"))
    _mended(site)
    paths = [(seen.method, seen.path) for seen in site.proxmox.requests]
    clones = [
        number for number, (method, path) in enumerate(paths) if method == "POST" and path.endswith("clone")
    ]
    assert len(clones) == 1
    after = paths[clones[0] + 1 :]
    assert after[0] == ("GET", "/nodes/node04/tasks")
    assert ("GET", "/cluster/resources") in after


def test_a_write_that_is_never_let_through(site: Site) -> None:
    """It ends, with what was said last."""
    for nth in range(1, 20):
        site.proxmox.faults.answer(nth, 595, match=lambda method, _: method == "POST")
    text = error_of(site.apply)
    assert "cannot reach node node04: 595 No route to host" in text
    posts = [seen for seen in site.proxmox.requests if seen.method == "POST"]
    assert 2 <= len(posts) <= 6
    site.proxmox.faults.clear()
    _mended(site)


def test_nobody_there(site: Site) -> None:
    site.change(f"port: {site.proxmox.port}", "port: 1")
    assert "127.0.0.1:1 cannot be reached: Connection refused" in error_of(site.plan)


def test_no_such_name(site: Site) -> None:
    site.change("host: 127.0.0.1", "host: node04.invalid")
    assert "node04.invalid" in error_of(site.plan)


# -- nodes and storages --------------------------------------------------------------------------------


def test_the_node_is_offline(site: Site) -> None:
    site.proxmox.cluster.nodes["node04"].online = False
    assert "node node04 is offline, and 9000 (ubuntu-2404) is on it; start the node" in error_of(site.apply)
    require_untouched(site.proxmox)
    site.proxmox.cluster.nodes["node04"].online = True
    _mended(site)


def test_no_such_node(site: Site) -> None:
    site.change("node: node04", "node: node05")
    assert "there is no node node05; there are: node01, node02, node03, node04" in error_of(site.apply)


def test_the_templates_node_is_offline(site: Site) -> None:
    site.change("node: node04", "node: node03")
    site.proxmox.cluster.nodes["node04"].online = False
    assert "node node04 is offline, and 9000 (ubuntu-2404) is on it" in error_of(site.apply)
    require_untouched(site.proxmox)


def test_the_node_is_offline_and_the_template_is_elsewhere(site: Site) -> None:
    site.change("node: node04", "node: node03")
    site.proxmox.cluster.nodes["node03"].online = False
    assert "node node03 is offline; start it, or choose another `node:`" in error_of(site.apply)
    require_untouched(site.proxmox)


def test_the_node_goes_offline_while_it_is_made(site: Site) -> None:
    """The VM is where it is; when the node is back, it goes on."""
    node = site.proxmox.cluster.nodes["node04"]

    def fall(method: str, path: str) -> bool:
        if method == "PUT" and path.endswith("/resize"):
            node.online = False
        return False

    site.proxmox.faults.drop(1, fall)
    assert "node node04 is offline, and 2002 (proj-pg01) is on it" in error_of(site.apply)
    site.proxmox.faults.clear()
    node.online = True
    _mended(site)


@pytest.mark.parametrize(("free", "done"), [(3, []), (40, ["qmclone"]), (270, ["qmclone", "qmconfig"])])
def test_a_storage_is_full(free: int, done: list[str], site: Site) -> None:
    """At the clone, at the new disk, at the growth: what was made stays, what was begun is taken back."""
    storage = site.proxmox.cluster.storage("local-zfs")
    used = storage.used
    storage.used = storage.total - storage.taken("node04") - free * GIB
    text = error_of(site.apply)
    assert "out of space" in text
    assert [task.type for task in site.proxmox.tasks if task.exitstatus == "OK"] == done
    assert "out of space" in error_of(site.apply), "it is so the second time too"
    storage.used = used
    _mended(site)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "nvme",
            "node04 has no storage nvme that the token may use; it may use: local, local-zfs, shared-nfs",
        ),
        ("local", "storage local holds no disks, only backup, iso, snippets, vztmpl; choose another"),
    ],
)
def test_a_storage_that_cannot_hold_it(change: str, said: str, site: Site) -> None:
    site.change("scsi1: {storage: local-zfs", f"scsi1: {{storage: {change}")
    assert said in error_of(site.apply)
    require_untouched(site.proxmox)


# -- the id and the template ---------------------------------------------------------------------------


def test_the_id_is_anothers(site: Site) -> None:
    site.change("id: 2002", "id: 101")
    before = dict(site.proxmox.vm(101).config)
    text = error_of(site.apply)
    assert "id 101 is webserver on node02, and no spec made it; choose another id" in text
    assert "pgdeploy: target prod-pg01, vm " in text
    assert site.proxmox.vm(101).config == before
    assert site.proxmox.tasks == []


def test_the_id_is_anothers_target(site: Site) -> None:
    site.proxmox.cluster.add_machine(
        2002, "node01", {"description": "pgdeploy: target other, vm 0123456789ab"}
    )
    assert "it was made from target other; choose another id" in error_of(site.apply)


def test_the_id_is_anothers_and_not_seen(site: Site) -> None:
    site.change("id: 2002", "id: 101")
    token = site.proxmox.cluster.access.tokens["pgdeploy@pve!deploy"]
    token.own = {**ADMINISTRATOR, "/vms/101": ["VM.Allocate"]}
    text = error_of(site.apply)
    assert "id 101 is taken by what the token pgdeploy@pve!deploy may not see: choose another id" in text
    assert "VM.Audit on /vms/101" in text
    assert site.proxmox.tasks == []


def test_no_such_template(site: Site) -> None:
    site.change("template: 9000", "template: 9001")
    assert "there is no template 9001 that the token pgdeploy@pve!deploy may see" in error_of(site.apply)


def test_a_template_that_is_none(site: Site) -> None:
    site.change("template: 9000", "template: 101")
    text = error_of(site.apply)
    assert "101 is webserver, a VM and no template; make one of it: qm template 101" in text
    require_untouched(site.proxmox)


def test_a_template_without_the_disk(site: Site) -> None:
    site.change("    scsi0:", "    virtio0:")
    text = error_of(site.apply)
    assert "template 9000 has no virtio0 to boot from; its disks: scsi0" in text
    require_untouched(site.proxmox)


# -- running -------------------------------------------------------------------------------------------


def test_not_enough_memory_on_the_node(site: Site) -> None:
    """Before anything is done; where others have it, QEMU says no more than that, and the task that has its words."""
    node = site.proxmox.cluster.nodes["node04"]
    memory, node.memory = node.memory, 16 * GIB
    assert "node04 has 16.0GB of memory, and the VM would have 48GB" in error_of(site.apply)
    require_untouched(site.proxmox)
    node.memory = memory
    site.proxmox.faults.fail_task(type="qmstart", text="start failed: QEMU exited with code 1")
    text = error_of(site.apply)
    assert "start it failed: start failed: QEMU exited with code 1 (task UPID:node04:" in text
    assert "what is done stays: mend it and run it again, or pgdeploy vm destroy prod-pg01" in site.notes
    _mended(site)


def test_more_cpus_than_the_node_has(site: Site) -> None:
    site.change("vcpus: 8\n  sockets: 2\n", "vcpus: 32\n  sockets: 8\n")
    assert "node04 has 20 CPUs, and the VM would have 32" in error_of(site.apply)
    require_untouched(site.proxmox)


def test_a_backup_holds_it(site: Site) -> None:
    site.apply()
    site.change("onboot: true", "onboot: false")
    config = site.proxmox.vm(2002).config
    config["lock"] = "backup"
    text = error_of(site.apply)
    assert "VM 2002 is locked (backup), and no task that we may see holds it" in text
    assert "wait until it is done, or, if nothing runs: qm unlock 2002" in text
    assert config["onboot"] == "1"
    del config["lock"]
    _mended(site)


# -- stopping and destroying ---------------------------------------------------------------------------


def _deadline(site: Site) -> Deadline:
    return Deadline("5s", site.notes.append)


def test_a_guest_that_does_not_heed(site: Site) -> None:
    """It is asked once; pulling the plug is another's decision."""
    guests: list[MemoryGuest] = []

    def stubborn(vmid: int) -> MemoryGuest:
        guests.append(MemoryGuest(vmid, stubborn=True))
        return guests[-1]

    site.proxmox.guests = stubborn
    site.apply()
    declared = site.declared
    text = error_of(lambda: power.stop(declared, site.api(), _deadline(site), site.notes.append))
    assert "shut it down failed: VM quit/powerdown failed" in text
    assert "--force" in text
    assert site.proxmox.vm(2002).running is not None
    power.stop(declared, site.api(), _deadline(site), site.notes.append, force=True)
    assert site.proxmox.vm(2002).running is None


def test_a_protected_vm_stays(site: Site) -> None:
    site.change("onboot: true", "onboot: true\n  protection: true")
    site.apply()
    text = error_of(lambda: power.require_destroyable(site.declared, site.api()))
    assert "VM 2002 is protected; write `protection: false` into the spec" in text
    site.change("protection: true", "protection: false")
    site.apply()
    machine = power.require_destroyable(site.declared, site.api())
    power.destroy(site.declared, machine, site.api(), _deadline(site), site.notes.append)
    require_untouched(site.proxmox)


def test_what_changed_since_it_was_seen_is_not_destroyed(site: Site) -> None:
    """Somebody who is asked may answer an hour later."""
    site.apply()
    seen = power.require_destroyable(site.declared, site.api())

    def destroy() -> None:
        power.destroy(site.declared, seen, site.api(), _deadline(site), site.notes.append)

    config = site.proxmox.vm(2002).config
    config["protection"] = "1"
    assert "is protected" in error_of(destroy)
    config["protection"], config["vmgenid"] = "0", "another"
    assert "is another than the one you were asked about" in error_of(destroy)
    assert site.proxmox.vm(2002).running is not None


def test_only_the_vms_own_volumes_go(site: Site) -> None:
    """One that no configuration names may be another cluster's, on a storage that both have."""
    site.apply()
    storage = site.proxmox.cluster.storages["shared-nfs"]
    stray = storage.allocate("node04", 2002, "raw", None, GIB)
    site.proxmox.vm(2002).config["unused0"] = "local-zfs:vm-2002-disk-1"
    machine = power.require_destroyable(site.declared, site.api())
    assert "unused0 (local-zfs:vm-2002-disk-1)" in power.lost_with(machine)
    power.destroy(site.declared, machine, site.api(), _deadline(site), site.notes.append)
    assert stray in storage.volumes


def test_a_vm_of_ha_is_its(site: Site) -> None:
    """A request for its power would end well before anything has happened."""
    site.apply()
    fact = site.read()
    assert fact.machine is not None
    down = replace(fact, machine=replace(fact.machine, running=False, managed=True))
    plan = plan_vm(site.declared, down)
    assert plan.steps == ()
    assert "ha-manager" in plan.stuck[0].remedy.text


def test_a_vm_of_others_is_neither_stopped_nor_destroyed(site: Site) -> None:
    site.change("id: 2002", "id: 101")
    declared = site.declared
    for act in (
        lambda: power.require_destroyable(declared, site.api()),
        lambda: power.start(declared, site.api(), _deadline(site), site.notes.append),
        lambda: power.stop(declared, site.api(), _deadline(site), site.notes.append, force=True),
    ):
        assert "id 101 is webserver on node02, and no spec made it" in error_of(act)
    assert site.proxmox.tasks == []


def test_a_container_of_that_id(site: Site) -> None:
    """The simulated cluster has none, so its list is told to the client as Proxmox has it."""
    api = site.api()
    asked = api.get

    def get(*path: object, **parameters: object) -> object:
        rows = asked(*path, **parameters)
        if path == ("cluster", "resources"):
            row = {
                "type": "lxc",
                "vmid": 2002,
                "name": "dns",
                "node": "node01",
                "status": "running",
                "template": 0,
            }
            return [*rows, row]
        return rows

    api.get = get  # type: ignore[method-assign]
    from pgdeploy.layers.vm.fact import read_vm
    from pgdeploy.layers.vm.plan import plan_vm

    declared = site.declared
    text = error_of(lambda: plan_vm(declared, read_vm(api, declared.vm)))
    assert "id 2002 is" in text
    assert "container dns on node01" in text
