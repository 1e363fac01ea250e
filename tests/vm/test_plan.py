"""What a plan of a VM says, and that applying takes the very steps that it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pgdeploy.core.step import StepPlan, drift_line
from pgdeploy.errors import TargetError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.layers import layer_of
from pgdeploy.layers.vm.apply import apply_vm
from pgdeploy.layers.vm.deadline import Deadline
from pgdeploy.layers.vm.step import request_of
from pgdeploy.report import saved_plan
from pgdeploy.report import steps as render
from tests.vm.site import KEY, SECRET, Site
from tests.vm.site import site as made

FINGERPRINT = "ssh-ed25519 SHA256:jHMnKWpJVaP8F00wBej5xe8QZMBUmveTqhGn4v16WgE"
CLONE, MOVE = (
    "clone template 9000 (ubuntu-2404 on {}) in full as 2002 on {}, to {}",
    "move it from {} to {}, its disks to {}",
)
CONFIGURE, GROW, START = "configure it", "let scsi0 grow to 32GB", "start it"
RESTART = "restart it, which brings into effect what waits"


def shown(site: Site, plan: StepPlan) -> str:
    return "\n".join(render.lines(layer_of("vm"), site.target.declared, plan))


def data_of(site: Site, plan: StepPlan) -> dict[str, Any]:
    """The plan as JSON."""
    return saved_plan.steps_as_data(plan, layer_of("vm"), Gate(site.target, ConnectionOptions()))


def texts(plan: StepPlan) -> list[str]:
    return [step.text for step in plan.steps]


def parameters(plan: StepPlan, text: str) -> dict[str, Any]:
    """Of the one step of this text."""
    (step,) = (step for step in plan.steps if step.text == text)
    return dict(request_of(step).parameters)


def causes(plan: StepPlan) -> list[str]:
    return [drift_line(plan.drifts[cause]) for step in plan.steps for cause in step.causes]


def applied(site: Site) -> list[str]:
    """The steps that an apply with all leave takes, in order; nothing is left after it."""
    site.notes.clear()
    assert site.apply(allow_restart=True) == StepPlan()
    assert site.red() == set()
    return [note for note in site.notes if "%" not in note]


def template_on(site: Site, node: str, **drives: str) -> None:
    """The template on another node, with other drives."""
    cluster = site.proxmox.cluster
    config = {**cluster.machines[9000].config, **drives}
    for storage in cluster.storages.values():
        storage.volumes[:] = [volume for volume in storage.volumes if volume.vmid != 9000]
    del cluster.machines[9000]
    cluster.add_machine(9000, node, {option: text for option, text in config.items() if text})


# -- a VM that is not there ----------------------------------------------------------------------------


def test_the_plan_of_an_absent_vm_in_words(site: Site) -> None:
    assert shown(site, site.plan()) == (
        f"""\
prod-pg01: VM 2002 (proj-pg01) on node04: 4 steps
  1. clone template 9000 (ubuntu-2404 on node04) in full as 2002 on node04, to local-zfs
       vm[proj-pg01].made: no VM 2002 -> VM 2002, made from target prod-pg01
  2. configure it
       vm[proj-pg01].sockets: 1 -> 2
       vm[proj-pg01].cores: 2 -> 4
       vm[proj-pg01].memory: 2GB -> 48GB
       vm[proj-pg01].balloon: 2GB -> 8GB
       vm[proj-pg01].onboot: off -> on
       vm[proj-pg01].tags: none -> pgdeploy
       vm_disk[scsi1].storage: no such disk -> local-zfs
       vm_network[net0].vlan: none -> 20
       vm_network[net0].address: none -> 10.25.20.8/24
       vm_network[net0].gateway: none -> 10.25.20.1
       vm_network[net0].dns: none -> 10.25.20.1 8.8.8.8
       vm_network[net0].search: none -> radioastronomy.io
       vm_cloud_init[drive].user: none -> root
       vm_cloud_init[drive].ssh_keys: none -> {FINGERPRINT}
       vm_cloud_init[drive].upgrade: on -> off
  3. let scsi0 grow to 32GB
       vm_disk[scsi0].size: 3584MB -> 32GB
  4. start it
       vm[proj-pg01].running: stopped -> running"""
    )


def test_the_plan_of_an_absent_vm_as_requests(site: Site) -> None:
    data = data_of(site, site.plan())
    assert json.loads(json.dumps(data)) == data
    here = "/nodes/node04/qemu/2002"
    assert [step["request"] for step in data["changes"]] == [
        {
            "method": "POST",
            "path": "/nodes/node04/qemu/9000/clone",
            "parameters": {
                "newid": 2002,
                "name": "proj-pg01",
                "full": 1,
                "description": str(site.declared.record),
                "storage": "local-zfs",
            },
        },
        {
            "method": "POST",
            "path": f"{here}/config",
            "parameters": {
                "sockets": "2",
                "cores": "4",
                "memory": "49152",
                "balloon": "8192",
                "onboot": "1",
                "tags": "pgdeploy",
                "scsi1": "local-zfs:250",
                "net0": "virtio=BC:24:11:90:00:01,bridge=vmbr0,tag=20",
                "ipconfig0": "ip=10.25.20.8/24,gw=10.25.20.1",
                "nameserver": "10.25.20.1 8.8.8.8",
                "searchdomain": "radioastronomy.io",
                "ciuser": "root",
                "ciupgrade": "0",
                "sshkeys": KEY.replace(" ", "%20"),
            },
        },
        {"method": "PUT", "path": f"{here}/resize", "parameters": {"disk": "scsi0", "size": "32G"}},
        {"method": "POST", "path": f"{here}/status/start", "parameters": {}},
    ]
    assert (data["target"], data["layer"], data["stuck"], data["pending"]) == ("prod-pg01", "vm", [], [])
    assert {step["effect"] for step in data["changes"]} == {"none"}


def test_a_plan_asks_and_changes_nothing(site: Site) -> None:
    site.plan()
    assert {seen.method for seen in site.proxmox.requests} == {"GET"}
    assert 2002 not in site.proxmox.cluster.machines


def test_an_apply_takes_the_steps_of_its_plan(site: Site) -> None:
    said = texts(site.plan())
    assert applied(site) == said


def test_a_second_apply_asks_and_changes_nothing(site: Site) -> None:
    site.apply()
    before = len(site.proxmox.requests)
    assert site.apply(allow_restart=True) == StepPlan()
    assert {seen.method for seen in site.proxmox.requests[before:]} == {"GET"}
    assert shown(site, site.plan()).endswith(": nothing to do")


def test_the_secret_is_in_no_plan(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = site.proxmox.token()
    monkeypatch.setenv(SECRET, secret)
    said = shown(site, site.plan()) + json.dumps(data_of(site, site.plan()))
    assert secret not in said


# -- other templates -----------------------------------------------------------------------------------


def test_a_template_on_another_node_is_cloned_there_and_moved(site: Site) -> None:
    template_on(site, "node01")
    plan = site.plan()
    assert texts(plan) == [
        CLONE.format("node01", "node01", "local-zfs"),
        MOVE.format("node01", "node04", "local-zfs"),
        CONFIGURE,
        GROW,
        START,
    ]
    assert "target" not in parameters(plan, CLONE.format("node01", "node01", "local-zfs"))
    assert parameters(plan, MOVE.format("node01", "node04", "local-zfs")) == {
        "target": "node04",
        "with-local-disks": 1,
        "targetstorage": "local-zfs",
    }
    assert "vm[proj-pg01].node: node01 -> node04" in causes(plan)
    assert applied(site) == texts(plan)
    assert site.proxmox.vm(2002).node == "node04"


SHARED = {
    "scsi0": "shared-nfs:9000/base-9000-disk-0.raw,size=3584M",
    "ide2": "shared-nfs:9000/vm-9000-cloudinit.raw,media=cdrom",
}


def test_a_template_on_a_shared_storage_is_cloned_to_its_node(site: Site) -> None:
    template_on(site, "node01", **SHARED)
    site.change("scsi0: {storage: local-zfs", "scsi0: {storage: shared-nfs")
    plan = site.plan()
    clone = CLONE.format("node01", "node04", "shared-nfs")
    assert texts(plan) == [clone, CONFIGURE, GROW, START]
    assert parameters(plan, clone)["target"] == "node04"
    assert applied(site) == texts(plan)


def test_variables_of_uefi_on_a_local_storage_keep_the_clone_where_it_is(site: Site) -> None:
    """Proxmox refuses a `target` as soon as one volume is on a local storage, whatever it holds."""
    template_on(site, "node01", **SHARED, efidisk0="local-zfs:base-9000-disk-1,efitype=4m,size=1M")
    site.change("scsi0: {storage: local-zfs", "scsi0: {storage: shared-nfs")
    clone = CLONE.format("node01", "node01", "shared-nfs")
    assert texts(site.plan())[:2] == [clone, MOVE.format("node01", "node04", "shared-nfs")]
    assert "target" not in parameters(site.plan(), clone)


def test_a_storage_that_the_template_does_not_see_is_reached_by_moving(site: Site) -> None:
    """Only node04 has local-zfs: the clone stays on the template's own storage until it is there."""
    template_on(site, "node01", **SHARED)
    site.proxmox.cluster.storages["local-zfs"].nodes = ("node04",)
    site.proxmox.cluster.storages["local-zfs"].type = "lvmthin"
    plan = site.plan()
    clone = "clone template 9000 (ubuntu-2404 on node01) in full as 2002 on node01"
    assert texts(plan)[:2] == [clone, MOVE.format("node01", "node04", "local-zfs")]
    assert "storage" not in parameters(plan, clone)


def test_what_cannot_be_moved_is_not_cloned(site: Site) -> None:
    """ZFS sends its volumes to ZFS alone: Proxmox would refuse after an hour of cloning."""
    template_on(site, "node01", **SHARED)
    site.proxmox.cluster.storages["local-zfs"].nodes = ("node04",)
    said = r"its clone on shared-nfs \(nfs\) cannot be moved to local-zfs \(zfspool\) of node04; take a template of"
    with pytest.raises(TargetError, match=said):
        site.plan()


def test_a_template_without_a_cloud_init_drive_gets_one(site: Site) -> None:
    template_on(site, "node04", ide2="")
    plan = site.plan()
    assert "vm_cloud_init[drive].exists: none -> a drive" in causes(plan)
    assert parameters(plan, CONFIGURE)["ide2"] == "local-zfs:cloudinit,media=cdrom"
    assert applied(site) == texts(plan)


def test_a_drive_takes_a_place_that_is_free(site: Site) -> None:
    template_on(site, "node04", ide2="none,media=cdrom")
    assert parameters(site.plan(), CONFIGURE)["ide3"] == "local-zfs:cloudinit,media=cdrom"
    assert applied(site)[0].startswith("clone")


def test_older_spellings_of_the_boot_order_are_replaced(site: Site) -> None:
    template_on(site, "node04", boot="cdn", bootdisk="scsi0")
    plan = site.plan()
    assert "vm[proj-pg01].boot: none -> scsi0" in causes(plan)
    wanted = parameters(plan, CONFIGURE)
    assert (wanted["boot"], wanted["delete"]) == ("order=scsi0", "bootdisk")
    assert applied(site) == texts(plan)
    assert "bootdisk" not in site.proxmox.vm(2002).config


def test_a_template_that_boots_from_virtio(site: Site) -> None:
    template_on(
        site, "node04", scsi0="", virtio0="local-zfs:base-9000-disk-0,size=3584M", boot="order=virtio0"
    )
    with pytest.raises(
        TargetError, match="template 9000 has no scsi0 to boot from; its disks: virtio0; let `disks:`"
    ):
        site.plan()
    site.change("scsi0:", "virtio0:")
    plan = site.plan()
    assert "let virtio0 grow to 32GB" in texts(plan)
    assert applied(site) == texts(plan)


# -- a VM that runs ------------------------------------------------------------------------------------


@pytest.fixture
def running(site: Site) -> Site:
    site.proxmox.durations[""] = 0.01
    site.apply()
    return site


def test_hot_and_cold_changes_are_told_apart(running: Site) -> None:
    running.change("memory: 48GB", "memory: 40GB")
    running.change("vlan: 20", "vlan: 30")
    running.change("size: 250GB", "size: 300GB")
    plan = running.plan()
    assert texts(plan) == ["let scsi1 grow to 300GB", CONFIGURE, RESTART]
    assert [str(step.effect) for step in plan.steps] == ["none", "none", "downtime"]
    assert plan.pending == ("memory (of the changes above)",)
    assert set(parameters(plan, CONFIGURE)) == {"memory", "net0", "description", "digest"}
    assert "3. restart it, which brings into effect what waits (only with --allow-restart)" in shown(
        running, plan
    )
    left = running.apply()
    assert texts(left) == [RESTART]
    assert left.pending == ("memory 49152 -> 40960",)
    assert running.red() == {"vm[proj-pg01].memory", "vm[proj-pg01].pending"}
    assert applied(running) == [RESTART]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("vlan: 20", "vlan: 21"),
        ("balloon: 8GB", "balloon: 9GB"),
        ("onboot: true", "onboot: false"),
        ("name: proj-pg01", "name: proj-pg02"),
        ("  onboot", "  tags: [db]\n  onboot"),
        ("  onboot", "  protection: true\n  onboot"),
        ("size: 250GB}", "size: 250GB}\n    scsi2: {storage: local-zfs, size: 1GB, discard: true}"),
    ],
)
def test_what_a_running_vm_takes_at_once_asks_for_no_restart(old: str, new: str, running: Site) -> None:
    running.change(old, new)
    assert texts(running.plan()) == [CONFIGURE]
    assert applied(running) == [CONFIGURE]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cores: 4", "cores: 2"),
        ("balloon: 8GB", "balloon: false"),
        ("size: 250GB}", "size: 250GB, discard: true}"),
        ("size: 250GB}", "size: 250GB}\n    sata0: {storage: local-zfs, size: 1GB}"),
        ("user: root", "user: ubuntu"),
        ("  onboot", "  agent: false\n  onboot"),
        ("  onboot", "  boot: [scsi0, scsi1]\n  onboot"),
    ],
)
def test_what_a_running_vm_takes_later_asks_for_one(old: str, new: str, running: Site) -> None:
    running.change("vcpus: 8\n", "cpu: host\n")
    running.apply(allow_restart=True)
    running.change(old, new)
    assert texts(running.plan()) == [CONFIGURE, RESTART]
    assert applied(running) == [CONFIGURE, RESTART]


def test_a_disk_grows_before_a_change_of_it_waits(running: Site) -> None:
    """What waits holds the size that the disk had: after the restart it would be said to be small again."""
    running.change("size: 250GB}", "size: 300GB, discard: true}")
    steps = ["let scsi1 grow to 300GB", CONFIGURE, RESTART]
    assert texts(running.plan()) == steps
    assert applied(running) == steps
    assert "size=300G" in running.proxmox.vm(2002).config["scsi1"]


def test_another_address_asks_for_a_restart(running: Site) -> None:
    running.change("10.25.20.8/24", "10.25.20.9/24")
    steps = [CONFIGURE, "shut it down, as its guest takes an address at boot", CONFIGURE, "start it"]
    assert texts(running.plan()) == steps
    assert applied(running) == steps
    assert "10.25.20.9/24" in running.findings()["vm_network[net0].reported"].actual


def test_what_somebody_left_pending_is_taken_back_and_asks_for_no_restart(running: Site) -> None:
    running.api().put("nodes", "node04", "qemu", 2002, "config", memory=16384)
    assert texts(running.plan()) == [CONFIGURE]
    assert applied(running) == [CONFIGURE]


def test_what_somebody_left_pending_and_nobody_declares_waits_for_a_restart(running: Site) -> None:
    running.api().put("nodes", "node04", "qemu", 2002, "config", numa=1)
    plan = running.plan()
    assert (texts(plan), plan.pending) == ([RESTART], ("numa none -> 1",))
    assert applied(running) == [RESTART]


def test_what_no_step_removes_is_said_with_what_does(running: Site) -> None:
    running.change("size: 250GB", "size: 200GB")
    running.apply()
    plan = running.plan()
    assert shown(running, plan) == (
        """\
prod-pg01: VM 2002 (proj-pg01) on node04: nothing that we can do
no step of ours removes:
     vm_disk[scsi1].size: 250GB -> 200GB
       pgdeploy vm apply prod-pg01 lets it grow; disks never shrink: if it is larger, write that into the spec"""
    )
    (left,) = data_of(running, plan)["stuck"]
    assert (left["id"], left["desired"], left["actual"]) == ("vm_disk[scsi1].size", "200GB", "250GB")


def test_each_disk_of_a_stopped_vm_moves_to_its_own_storage(running: Site) -> None:
    running.change("scsi1: {storage: local-zfs", "scsi1: {storage: shared-nfs")
    machine = running.proxmox.vm(2002)
    machine.config["scsi1"] = "shared-nfs:2002/vm-2002-disk-1.raw,size=250G"
    machine.node, machine.running = "node03", None
    move = MOVE.format("node03", "node04", "local-zfs, shared-nfs")
    assert parameters(running.plan(), move)["targetstorage"] == "local-zfs,shared-nfs:shared-nfs"


# -- whose it is ---------------------------------------------------------------------------------------


def test_a_vm_that_nobody_made_is_taken_over_by_the_line_in_its_notes(site: Site) -> None:
    machine = site.proxmox.cluster.add_machine(
        2002,
        "node04",
        {
            "name": "legacy",
            "cores": "8",
            "memory": "49152",
            "scsihw": "virtio-scsi-single",
            "net0": "virtio=BC:24:11:00:20:02,bridge=vmbr0,tag=20",
            "scsi0": "local-zfs:vm-2002-disk-0,size=32G",
            "scsi1": "local-zfs:vm-2002-disk-1,size=250G",
            "boot": "order=scsi0",
            "description": "# Made by hand\n",
        },
    )
    with pytest.raises(TargetError) as refused:
        site.plan()
    found = re.search("write into its notes: (.+)$", str(refused.value))
    assert found is not None
    machine.config["description"] += f"\n{found[1]}\n"
    plan = site.plan()
    assert texts(plan) == [CONFIGURE, START]
    assert applied(site) == texts(plan)
    assert "# Made by hand" in machine.config["description"]
    assert machine.config["scsi0"] == "local-zfs:vm-2002-disk-0,size=32G"


def test_the_vm_of_another_target_is_refused(running: Site) -> None:
    other = running.folder / "prod-pg02.yaml"
    other.write_text(running.text, encoding="utf-8")
    running.file.unlink()
    before = running.proxmox.vm(2002).config.raw
    with pytest.raises(
        TargetError, match="prod-pg02: id 2002 is proj-pg01 on node04, and it was made from target prod-pg01;"
    ):
        _Renamed(running.proxmox, running.folder, text=running.text).apply()
    assert running.proxmox.vm(2002).config.raw == before


class _Renamed(Site):
    @property
    def file(self) -> Path:
        return self.folder / "prod-pg02.yaml"


# -- any two specs -------------------------------------------------------------------------------------

OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "cpu": st.sampled_from(["host", "x86-64-v2-AES"]),
    "balloon": st.sampled_from([False, "512MB", "1GB"]),
    "onboot": st.booleans(),
    "protection": st.booleans(),
    "tags": st.lists(st.sampled_from(["db", "prod", "a+b"]), unique=True),
    "boot": st.sampled_from([["scsi0"], ["scsi0", "scsi1"]]),
}
FLAGS = {"discard": st.booleans(), "iothread": st.booleans()}
VIRTIO = st.fixed_dictionaries({"size": st.integers(4, 12)}, optional=FLAGS)
DISK = st.fixed_dictionaries({"size": st.integers(4, 12)}, optional={**FLAGS, "ssd": st.booleans()})
NETWORK = st.fixed_dictionaries(
    {"address": st.sampled_from(["10.0.0.8/24", "10.0.0.9/24", "2001:db8::8/64"])},
    optional={
        "vlan": st.integers(1, 4094),
        "model": st.sampled_from(["virtio", "e1000", "vmxnet3"]),
        "dns": st.lists(st.sampled_from(["10.0.0.1", "9.9.9.9"]), min_size=1, max_size=2, unique=True),
        "search": st.sampled_from(["example.org", "example.net"]),
    },
)
VMS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["pg01", "pg01.example.org"]),
        "sockets": st.integers(1, 2),
        "cores": st.integers(1, 4),
        "memory": st.sampled_from(["1GB", "1536MB", "4GB"]),
        "disks": st.fixed_dictionaries(
            {"scsi0": DISK, "scsi1": DISK}, optional={"scsi2": DISK, "virtio1": VIRTIO}
        ),
        "network": NETWORK,
        "cloud_init": st.fixed_dictionaries(
            {"user": st.sampled_from(["root", "ubuntu"])}, optional={"upgrade": st.booleans()}
        ),
    },
    optional=OPTIONAL,
)


def _text(site: Site, vm: dict[str, Any], grown: int = 0) -> str:
    """A spec; `grown` is added to the size of each disk."""
    disks = {
        name: {**disk, "storage": "local-zfs", "size": f"{disk['size'] + grown}GB"}
        for name, disk in sorted(vm["disks"].items())
    }
    proxmox = {
        "host": site.proxmox.host,
        "port": site.proxmox.port,
        "user": "pgdeploy@pve",
        "token": "deploy",
        "secret": {"env": SECRET},
        "ca": str(site.proxmox.ca),
    }
    whole = {
        **vm,
        "proxmox": proxmox,
        "id": 2002,
        "node": "node04",
        "template": 9000,
        "disks": disks,
        "network": {**vm["network"], "bridge": "vmbr0"},
        "cloud_init": {**vm["cloud_init"], "ssh_keys": [KEY]},
        "within": "20s",
    }
    return f"postgres: 16\nvm: {json.dumps(whole)}\n"


@contextmanager
def _cluster() -> Iterator[Site]:
    with TemporaryDirectory(prefix="pgdeploy-plan-") as folder, made(Path(folder)) as site:
        site.proxmox.durations[""] = 0.0
        yield site


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each example takes seconds
)
@given(VMS, VMS)
def test_any_spec_is_made_and_then_any_other_of_it(first: dict[str, Any], second: dict[str, Any]) -> None:
    """By the steps that the plan says. Disks only grow, so those of the second are larger."""
    with _cluster() as site:
        site.write(_text(site, first))
        assert texts(site.plan()) == applied(site)
        site.proxmox.vm(2002).started -= 3600
        # a disk that the second does not name would be one too many
        site.write(_text(site, {**second, "disks": {**first["disks"], **second["disks"]}}, grown=10))
        assert texts(site.plan()) == applied(site)
        assert site.plan() == StepPlan()


def test_a_gateway_is_set_while_the_guest_is_down(site: Site) -> None:
    """Proxmox would take it at once, and nobody would tell that the guest has the old one: red until it has the new."""
    site.apply()
    site.change("gateway: 10.25.20.1", "gateway: 10.25.20.254")
    boots = site.guest.boots
    left = site.apply()
    assert left.pending == ("vm_network[net0].gateway: 10.25.20.1 -> 10.25.20.254",)
    assert site.red() == {"vm_network[net0].gateway"}
    assert site.guest.boots == boots

    assert site.apply(allow_restart=True) == StepPlan()
    assert site.red() == set()
    assert site.guest.boots == boots + 1


def test_less_memory_takes_a_higher_floor_along(site: Site) -> None:
    """Proxmox refuses a floor above the memory, and this spec says nothing of one."""
    site.apply()
    site.change("  balloon: 8GB\n", "")
    site.change("memory: 48GB", "memory: 4GB")
    site.apply(allow_restart=True)
    assert site.proxmox.vm(2002).config["balloon"] == "4096"
    assert site.red() == set()


def test_no_disk_is_made_while_an_unused_one_may_be_it(running: Site) -> None:
    """Somebody detached the data: an empty disk in its place would be formatted, and the server start empty."""
    config = running.proxmox.vm(2002).config
    config["unused0"] = config.pop("scsi1").split(",")[0]
    plan = running.plan()
    assert "configure it" not in texts(plan)
    stuck = {finding.check.id: finding for finding in plan.stuck}
    assert "reattach that" in stuck["vm_disk[scsi1].storage"].remedy.text
    assert "unused0 (local-zfs:vm-2002-disk-1)" in stuck["vm_disk[others].undeclared"].actual


def test_a_vm_that_went_since_the_plan_is_not_cloned_anew(running: Site) -> None:
    approved = running.plan()
    running.change("memory: 48GB", "memory: 32GB")
    running.proxmox.vm(2002).running = None
    del running.proxmox.cluster.machines[2002]
    declared, notes = running.declared, running.notes.append
    with pytest.raises(TargetError, match="the VM is gone since this plan was made"):
        apply_vm(
            declared,
            declared.proxmox(),
            Deadline("20s", notes),
            allow_restart=False,
            note=notes,
            approved=approved,
        )
    assert 2002 not in running.proxmox.cluster.machines


def test_the_format_of_the_first_disk_goes_with_the_clone(site: Site) -> None:
    site.change(
        "scsi0: {storage: local-zfs, size: 32GB}", "scsi0: {storage: shared-nfs, format: qcow2, size: 32GB}"
    )
    site.change("  network:", "  storages: {shared-nfs: nfs}\n  network:")
    assert dict(request_of(site.plan().steps[0]).parameters)["format"] == "qcow2"
    site.apply()
    assert site.red() == set()


def test_a_vm_that_somebody_moved_is_configured_where_it_is(running: Site) -> None:
    """As HA or an operator does; that it is elsewhere is said, and nothing is asked of a node where it is not."""
    machine = running.proxmox.vm(2002)
    machine.node = "node03"
    for volume in running.proxmox.cluster.volumes():
        if volume.vmid == 2002:
            volume.node = "node03"
    running.change("onboot: true", "onboot: false")
    left = running.apply()
    assert [finding.check.id for finding in left.stuck] == ["vm[proj-pg01].node"]
    assert running.red() == {"vm[proj-pg01].node"}


def test_another_id_is_no_second_vm_of_that_name(running: Site) -> None:
    running.change("id: 2002", "id: 2010")
    with pytest.raises(TargetError, match=r"VM 2002 on node04 is called proj-pg01 too; .* keep `id: 2002`"):
        running.plan()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("cores: 4", "cores: 40", "node04 has 20 CPUs, and the VM would have 80"),
        ("memory: 48GB", "memory: 480GB", r"node04 has 96\.0GB of memory, and the VM would have 480GB"),
        ("size: 250GB", "size: 9000GB", r"local-zfs has 1000\.0GB, and scsi1 would have 9000GB"),
    ],
)
def test_what_a_node_does_not_have_is_not_begun(site: Site, old: str, new: str, said: str) -> None:
    site.change("  vcpus: 8\n", "")
    site.change(old, new)
    with pytest.raises(TargetError, match=said):
        site.apply()
    assert 2002 not in site.proxmox.cluster.machines
