"""What Linux sees of its VM, on made facts: one thing wrong turns its own check red; and a VM that is not there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.errors import Unreadable
from pgdeploy.gate.target import Target
from pgdeploy.layers.host.file import disks_file
from pgdeploy.layers.host.guest import device_of, label_of
from pgdeploy.layers.vm.fact import ClusterFact, MachineFact, VmFact
from tests.host.conforming import answer, facts
from tests.host.test_compare import declared, gate, load, of, put
from tests.host.texts import pg15, vm

GB = 1 << 30
MOUNTED = pg15().replace("cluster: {free", "cluster: {mount: /mnt/data, free") + vm()
"""The spec says twice what the data is on: each once is red."""

SCSI1 = ("disks", "scsi1")

RED: dict[str, tuple[Callable[[dict[str, Any]], object], set[str]]] = {
    "cpus": (put("os", "cpus", to=4), {"guest[cpus].number"}),
    "less memory": (put("os", "memory", to=43 * GB), {"guest[memory].size"}),
    "more memory": (put("os", "memory", to=49 * GB), {"guest[memory].size"}),
    "the system's disk": (put("disks", "scsi0", "size", to=31 * GB), {"guest[scsi0].size"}),
    "size": (put(*SCSI1, "size", to=251 * GB), {"guest[scsi1].size", "guest[scsi1].grown"}),
    "no disk": (put(*SCSI1, to=None), {"guest[scsi1].size"}),
    "not mounted": (put(*SCSI1, "mounted", to=None), {"guest[scsi1].mounted"}),
    "another is mounted": (put(*SCSI1, "mounted", to="/dev/sdc"), {"guest[scsi1].mounted"}),
    "not at boot": (put(*SCSI1, "boot", to=[]), {"guest[scsi1].boot"}),
    "another at boot": (put(*SCSI1, "boot", to=["/dev/sdc"]), {"guest[scsi1].boot"}),
    "twice at boot": (put(*SCSI1, "boot", to=["/dev/sdb", "/dev/sdc"]), {"guest[scsi1].boot"}),
    "not grown": (put(*SCSI1, "file_system", to=249 * GB), {"guest[scsi1].grown"}),
    "another file system": (put(*SCSI1, "file_system", to=None), {"guest[scsi1].grown"}),
}


@pytest.mark.parametrize("case", RED)
def test_red(case: str, tmp_path: Path) -> None:
    breaking, red = RED[case]
    target = load(tmp_path, MOUNTED)
    host = answer(declared(target))
    breaking(host)
    found = gate(target, facts(declared(target), host))
    assert of(found, Verdict.DRIFTS, Verdict.UNREADABLE) == red
    assert all(found[known].remedy.text for known in red)


@pytest.mark.parametrize("case", ["no disk", "not mounted", "another is mounted"])
def test_what_is_on_a_disk_waits_for_it(case: str, tmp_path: Path) -> None:
    target = load(tmp_path, MOUNTED)
    host = answer(declared(target))
    RED[case][0](host)
    found = gate(target, facts(declared(target), host))
    blocked = of(found, Verdict.BLOCKED)
    assert blocked >= {"guest[scsi1].grown", "mount[/mnt/data].mounted", "file[/mnt/data/pg01].mode"}
    assert all("guest[scsi1]" in found[known].reason for known in blocked)


@pytest.mark.parametrize(
    ("size", "memory", "fine"), [("48GB", 47.0, True), ("2GB", 1.9, True), ("2GB", 1.7, False)]
)
def test_linux_keeps_some_memory(size: str, memory: float, fine: bool, tmp_path: Path) -> None:
    target = load(tmp_path, MOUNTED.replace("48GB", size))
    host = answer(declared(target))
    host["os"]["value"]["memory"] = round(memory * GB)
    found = gate(target, facts(declared(target), host))["guest[memory].size"]
    assert (found.verdict is Verdict.CONFORMS) is fine


def test_a_balloon_may_take_memory(tmp_path: Path) -> None:
    target = load(
        tmp_path, MOUNTED.replace("memory: 48GB", "memory: 48GB, balloon: 24GB".replace(", ", "\n  "))
    )
    host = answer(declared(target))
    host["os"]["value"]["memory"] = 24 * GB
    found = gate(target, facts(declared(target), host))["guest[memory].size"]
    assert found.verdict is Verdict.CONFORMS
    assert found.desired == "at least 90% of 24GB, at most 48GB"


def test_ext4_may_leave_a_little(tmp_path: Path) -> None:
    target = load(tmp_path, MOUNTED)
    host = answer(declared(target))
    host["disks"]["value"]["scsi1"]["file_system"] -= 100 << 20
    assert of(gate(target, facts(declared(target), host)), Verdict.DRIFTS) == set()


def test_in_a_container(tmp_path: Path) -> None:
    """Processors and memory are its host's; a disk is asked about where it has one."""
    target = load(tmp_path, MOUNTED)
    host = answer(declared(target))
    host["os"]["value"] |= {"container": "docker", "cpus": 64, "memory": GB}
    host["disks"]["value"]["scsi0"] = None
    host["disks"]["value"]["scsi1"]["boot"] = []
    found = gate(target, facts(declared(target), host))
    assert of(found, Verdict.DRIFTS) == {"guest[scsi1].boot"}
    inapplicable = {known for known in of(found, Verdict.INAPPLICABLE) if known.startswith("guest")}
    assert inapplicable == {"guest[cpus].number", "guest[memory].size", "guest[scsi0].size"}
    host["disks"]["value"]["scsi1"] = None
    found = gate(target, facts(declared(target), host))
    assert of(found, Verdict.DRIFTS, Verdict.BLOCKED) == set()


@pytest.mark.parametrize("disk", ["virtio1", "sata1"])
def test_a_disk_that_the_guest_has_no_name_for(disk: str, tmp_path: Path) -> None:
    target = load(tmp_path, (pg15() + vm()).replace("scsi1", disk).replace(", mount: /mnt/data", ""))
    found = gate(target, facts(declared(target)))
    assert f"guest[{disk}].size" in of(found, Verdict.INAPPLICABLE)
    assert device_of(disk) is None


def test_names() -> None:
    assert device_of("scsi30") == "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive-scsi30"
    assert len(label_of("scsi30")) <= 16


def test_the_server_waits_for_the_disks_that_it_stands_on(tmp_path: Path) -> None:
    file = disks_file(load(tmp_path, MOUNTED).spec)
    assert file is not None
    assert file.text.endswith("[Unit]\nRequiresMountsFor=/mnt/data\n")
    assert disks_file(load(tmp_path, MOUNTED.replace("mount: /mnt/data}", "mount: /srv}", 2)).spec) is None
    assert disks_file(load(tmp_path, pg15()).spec) is None


# -- a VM that is not there ----------------------------------------------------------------------------


def machine(*, running: bool) -> MachineFact:
    return MachineFact(2002, "prod-pg01", "pve1", False, running, "", {}, {}, "")


def blocked(target: Target, known: object, host: Unreadable | None = None) -> dict[str, Finding]:
    read = replace(
        facts(declared(target)), sections={**facts(declared(target)).sections, "vm": known}, _memo={}
    )
    if host is not None:
        read = replace(read, sections={**read.sections, "host": host}, lost="no answer")
    return {check.id: evaluate(check, read) for check in target.checks_of("host")}


@pytest.mark.parametrize(
    ("known", "reason"), [(None, "there is no VM 2002"), (machine(running=False), "the VM does not run")]
)
def test_without_its_vm_a_host_is_not_asked(known: MachineFact | None, reason: str, tmp_path: Path) -> None:
    found = blocked(
        load(tmp_path, MOUNTED), VmFact(ClusterFact({}, {}, {}), known), Unreadable("connection timed out")
    )
    assert {finding.verdict for finding in found.values()} == {Verdict.BLOCKED}
    assert {finding.reason for finding in found.values()} == {reason}


@pytest.mark.parametrize("known", [None, Unreadable("no Proxmox")])
def test_else_it_is(known: object, tmp_path: Path) -> None:
    target = load(tmp_path, MOUNTED)
    assert {finding.verdict for finding in blocked(target, known).values()} == {Verdict.CONFORMS}
    found = blocked(target, known, Unreadable("connection timed out"))
    assert {finding.verdict for finding in found.values()} == {Verdict.UNREADABLE}


def test_a_vm_that_does_not_let_us_in_is_one_red_check(tmp_path: Path) -> None:
    known = VmFact(ClusterFact({}, {}, {}), machine(running=True))
    found = blocked(load(tmp_path, MOUNTED), known, Unreadable("pg01 (ssh): Connection timed out"))
    assert of(found, Verdict.DRIFTS) == {"guest[ssh].reached"}
    assert found["guest[ssh].reached"].actual == "pg01 (ssh): Connection timed out"
    others = [finding for check, finding in found.items() if check != "guest[ssh].reached"]
    assert {finding.verdict for finding in others} == {Verdict.BLOCKED}
    assert {finding.reason for finding in others} == {"guest[ssh].reached drifts"}
