"""Each check of a VM: broken by hand, exactly it is red; what can put it right does, and what cannot is said.

The VM is changed under pgdeploy's feet: in the simulator's own state, or by the API as somebody else would.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.core.facts import NOBODY, Facts
from pgdeploy.core.step import StepPlan
from pgdeploy.errors import TargetError, Unasked
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.reach import proxmox as connection
from pgdeploy.reach.embedded import Cluster as Embedded
from pgdeploy.reach.host import Host
from pgdeploy.reach.server import Server
from pgdeploy.report.findings import where
from tests.simulators.proxmox.cluster import Machine
from tests.simulators.proxmox.guest import AgentError
from tests.vm.site import KEY, SECRET, Site

APPLY = "pgdeploy vm apply prod-pg01"
RESTART = f"{APPLY} --allow-restart"
MOVE = "move it on its node: qm disk move 2002 {disk} local-zfs --delete; if it is absent, {missing}"
MAKES = f"{APPLY} makes it, unless an unused one may be it: reattach that"
FROM_TEMPLATE = "let `disks:` begin with the one that template 9000 boots from"
GROW = f"{APPLY} lets it grow; disks never shrink: if it is larger, write that into the spec"
BEYOND = "write it into the spec; or detach it, and remove what is unused, after a look at what it holds"
GIB = 1 << 30

KINDS = {
    "nets": "vm_network[others]",
    "disks": "vm_disk[others]",
    "net": "vm_network[net0]",
    "init": "vm_cloud_init[drive]",
    "storage": "vm_storage[local-zfs]",
}
NETWORK = tuple(f"net.{field}" for field in ("model", "bridge", "vlan"))


def whole(short: str) -> str:
    """`cores`, `scsi1.size` or `net.vlan` as the id of its check."""
    kind, dot, field = short.partition(".")
    if not dot:
        return f"vm[proj-pg01].{short}"
    return f"{KINDS.get(kind, f'vm_disk[{kind}]')}.{field}"


@pytest.fixture
def full(site: Site) -> Site:
    """A VM of which everything is said that can be said, and made so."""
    site.change("  vcpus: 8\n", "  vcpus: 8\n  cpu: host\n  protection: true\n  tags: [db]\n")
    site.change("size: 32GB}", "size: 32GB, discard: true, ssd: true}")
    site.change(
        "size: 250GB}", "size: 250GB, format: raw, discard: false, iothread: true, ssd: false, mount: /data}"
    )
    site.change("    user: root\n", "    user: root\n    upgrade: false\n")
    site.proxmox.durations[""] = 0.01
    assert site.apply().steps == ()
    return site


# -- ways to break -------------------------------------------------------------------------------------

Break = Callable[[Site], None]


def machine_of(site: Site) -> Machine:
    return site.proxmox.vm(2002)


def put(**options: str | None) -> Break:
    """Options as they would be in effect; None takes one away."""

    def do(site: Site) -> None:
        config = machine_of(site).config
        for option, text in options.items():
            if text is None:
                del config[option]
            else:
                config[option] = text

    return do


def swap(option: str, old: str, new: str) -> Break:
    """A part of an option that is a list."""

    def do(site: Site) -> None:
        config = machine_of(site).config
        assert old in config[option], config[option]
        config[option] = config[option].replace(old, new)

    return do


def by_somebody(**options: object) -> Break:
    """By the API; a running VM keeps some of it for later."""

    def do(site: Site) -> None:
        site.api().put("nodes", "node04", "qemu", 2002, "config", **options)

    return do


def resized(disk: str, size: int) -> Break:
    """The volume and what is said of it."""

    def do(site: Site) -> None:
        machine = machine_of(site)
        volume = site.proxmox.cluster.volume("node04", machine.config[disk].split(",")[0])
        assert volume is not None
        old, volume.size = volume.size // GIB, size * GIB
        swap(disk, f"size={old}G", f"size={size}G")(site)

    return do


def on_another_storage(disk: str) -> Break:
    number = disk.removeprefix("scsi")
    return swap(disk, f"local-zfs:vm-2002-disk-{number}", f"shared-nfs:2002/vm-2002-disk-{number}.raw")


def stop(site: Site) -> None:
    machine = machine_of(site)
    machine.running = None
    machine.guest.stop()


def moved(site: Site) -> None:
    """To another node with its volumes, as by qm migrate."""
    cluster, machine = site.proxmox.cluster, machine_of(site)
    machine.node = "node03"
    for volume in cluster.volumes():
        if volume.vmid == 2002:
            volume.node = "node03"


def moved_and_stopped(site: Site) -> None:
    moved(site)
    stop(site)


def gone(site: Site) -> None:
    cluster = site.proxmox.cluster
    del cluster.machines[2002]
    for storage in cluster.storages.values():
        storage.volumes[:] = [volume for volume in storage.volumes if volume.vmid != 2002]


def replaced(site: Site) -> None:
    """The id was given to a VM of others."""
    gone(site)
    site.proxmox.cluster.add_machine(2002, "node02", {"name": "mail", "memory": "512"})


def made_by(record: str) -> Break:
    return put(description=f"# pg01\n\n{record}")


def with_another_address(site: Site) -> None:
    """Somebody changed it in the guest, long after it booted."""
    guest = site.guest
    assert guest.boot is not None
    guest.boot = replace(guest.boot, config={**guest.boot.config, "ipconfig0": "ip=10.25.20.9/24"})
    machine_of(site).started -= 3600


def stale(site: Site) -> None:
    machine_of(site).config.changed["ciuser"] = "ubuntu"


def of_another_type(site: Site) -> None:
    site.change("  network:", "  storages: {local-zfs: lvmthin}\n  network:")
    site.apply()  # the record is another


def without_card(site: Site) -> None:
    put(net0=None)(site)


def without_drive(site: Site) -> None:
    """With its volume, as detaching it does."""
    site.proxmox.cluster.release("node04", machine_of(site).config["ide2"].split(",")[0])
    put(ide2=None)(site)


def without_record(site: Site) -> None:
    put(description="somebody tidied up")(site)


def another_key(comment: str) -> str:
    inner = b"ssh-ed25519"
    blob = len(inner).to_bytes(4, "big") + inner + (32).to_bytes(4, "big") + b"k" * 32
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {comment}"


def keys(*lines: str) -> Break:
    return put(sshkeys=quote("\n".join(lines), safe=""))


# -- the cases -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """`red` is all that drifts, each with its remedy; then it is green again by an apply, unless it is `stuck`."""

    name: str
    how: Break
    red: dict[str, str]
    blocked: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    restart: bool = False
    stuck: bool = False

    def __str__(self) -> str:
        return self.name


def case(name: str, how: Break, *red: str, remedy: str = APPLY, **more: Any) -> Case:
    return Case(name, how, {whole(short): remedy for short in red}, **more)


ON_DISK = ("size", "format", "discard", "ssd", "iothread")

CASES = (
    # -- the VM ----------------------------------------------------------------------------------------
    case("cores", put(cores="2"), "cores", "vcpus", restart=True),
    case("sockets", put(sockets="1"), "sockets", "vcpus", restart=True),
    case("no-sockets", put(sockets=None), "sockets", "vcpus", restart=True),
    case("vcpus", put(vcpus="4"), "vcpus", restart=True),
    case("cpu", put(cpu="kvm64"), "cpu", restart=True),
    case("no-cpu", put(cpu=None), "cpu", restart=True),
    case("memory", put(memory="16384"), "memory", restart=True),
    case("balloon", put(balloon="4096"), "balloon"),
    case("balloon-off", put(balloon="0"), "balloon", restart=True),
    case("balloon-left-out", put(balloon=None), "balloon"),
    case("boot", put(boot="order=ide2;scsi0"), "boot", restart=True),
    case("boot-legacy", put(boot="c", bootdisk="scsi0"), "boot", restart=True),
    case("no-boot", put(boot=None), "boot", restart=True),
    case("onboot", put(onboot="0"), "onboot"),
    case("protection", put(protection=None), "protection"),
    case("tags", put(tags="pgdeploy"), "tags"),
    case("no-tags", put(tags=None), "tags"),
    case("name", put(name="pg01-old"), "name"),
    case("record", made_by("pgdeploy: target prod-pg01, vm 000000000000"), "record"),
    case("agent-off", put(agent="enabled=0"), "agent", restart=True),
    case("no-agent", put(agent=None), "agent", unreadable=("net.reported",), restart=True),
    case("stopped", stop, "running", remedy="pgdeploy vm start prod-pg01", blocked=("net.reported",)),
    Case(
        "on-another-node-and-stopped",
        moved_and_stopped,
        {whole("node"): APPLY, whole("running"): "pgdeploy vm start prod-pg01"},
        blocked=("net.reported",),
    ),
    case("on-another-node", moved, "node", stuck=True),
    case(
        "locked",
        put(lock="backup"),
        "unlocked",
        remedy="wait until it is done; if nothing does it any more: qm unlock 2002",
        stuck=True,
    ),
    case("pending", by_somebody(memory=16384), "pending", remedy=RESTART),
    # -- its disks -------------------------------------------------------------------------------------
    case("smaller", resized("scsi1", 200), "scsi1.size", remedy=GROW),
    case("larger", resized("scsi1", 300), "scsi1.size", remedy=GROW, stuck=True),
    case("boot-disk-smaller", resized("scsi0", 20), "scsi0.size", remedy=GROW),
    case(
        "on-another-storage",
        on_another_storage("scsi1"),
        "scsi1.storage",
        remedy=MOVE.format(disk="scsi1", missing=MAKES),
        stuck=True,
    ),
    case(
        "boot-disk-on-another-storage",
        on_another_storage("scsi0"),
        "scsi0.storage",
        remedy=MOVE.format(disk="scsi0", missing=FROM_TEMPLATE),
        stuck=True,
    ),
    case(
        "no-disk",
        put(scsi1=None),
        "scsi1.storage",
        remedy=MOVE.format(disk="scsi1", missing=MAKES),
        blocked=tuple(f"scsi1.{field}" for field in ON_DISK),
    ),
    case(
        "no-boot-disk",
        put(scsi0=None),
        "scsi0.storage",
        remedy=MOVE.format(disk="scsi0", missing=FROM_TEMPLATE),
        blocked=("scsi0.size", "scsi0.discard", "scsi0.ssd"),
        stuck=True,
    ),
    case(
        "format",
        swap("scsi1", ",size", ",format=qcow2,size"),
        "scsi1.format",
        remedy="make it anew, or move it with its format",
        stuck=True,
    ),
    case("no-discard", swap("scsi0", ",discard=on", ""), "scsi0.discard", restart=True),
    case("discard", swap("scsi1", ",size", ",discard=on,size"), "scsi1.discard", restart=True),
    case("no-ssd", swap("scsi0", ",ssd=1", ""), "scsi0.ssd", restart=True),
    case("ssd", swap("scsi1", ",size", ",ssd=1,size"), "scsi1.ssd", restart=True),
    case("iothread", swap("scsi1", "iothread=1", "iothread=0"), "scsi1.iothread", restart=True),
    case(
        "another-disk",
        put(scsi5="local-zfs:vm-2002-disk-5,size=1G"),
        "disks.undeclared",
        remedy=BEYOND,
        stuck=True,
    ),
    case(
        "an-unused-disk",
        put(unused0="local-zfs:vm-2002-disk-5"),
        "disks.undeclared",
        remedy=BEYOND,
        stuck=True,
    ),
    case(
        "another-card",
        put(net1="virtio=BC:24:11:00:00:01,bridge=vmbr0"),
        "nets.undeclared",
        remedy="remove it in Proxmox",
        stuck=True,
    ),
    case(
        "storage-type",
        of_another_type,
        "storage.type",
        remedy="write its type under `storages:`",
        stuck=True,
    ),
    # -- its network -----------------------------------------------------------------------------------
    case("bridge", swap("net0", "vmbr0", "vmbr1"), "net.bridge"),
    case("vlan", swap("net0", "tag=20", "tag=30"), "net.vlan"),
    case("no-vlan", swap("net0", ",tag=20", ""), "net.vlan"),
    case("model", swap("net0", "virtio=", "e1000="), "net.model"),
    case("no-card", without_card, *NETWORK, restart=True),
    case(
        "address",
        put(ipconfig0="ip=10.25.20.9/24,gw=10.25.20.1"),
        "net.address",
        remedy=RESTART,
        restart=True,
    ),
    case(
        "prefix", put(ipconfig0="ip=10.25.20.8/16,gw=10.25.20.1"), "net.address", remedy=RESTART, restart=True
    ),
    case("dhcp", put(ipconfig0="ip=dhcp,gw=10.25.20.1"), "net.address", remedy=RESTART, restart=True),
    case(
        "gateway",
        put(ipconfig0="ip=10.25.20.8/24,gw=10.25.20.254"),
        "net.gateway",
        remedy=RESTART,
        restart=True,
    ),
    case("no-gateway", put(ipconfig0="ip=10.25.20.8/24"), "net.gateway", remedy=RESTART, restart=True),
    case("dns", put(nameserver="8.8.8.8"), "net.dns", restart=True),
    case("dns-order", put(nameserver="8.8.8.8 10.25.20.1"), "net.dns", restart=True),
    case("search", put(searchdomain="example.org"), "net.search", restart=True),
    case(
        "reported",
        with_another_address,
        "net.reported",
        remedy=f"cloud-init sets it at boot: {RESTART}",
        restart=True,
    ),
    # -- cloud-init ------------------------------------------------------------------------------------
    case("no-drive", without_drive, "init.exists", restart=True),
    case("user", put(ciuser="ubuntu"), "init.user", restart=True),
    case("no-user", put(ciuser=None), "init.user", restart=True),
    case("key-too-many", keys(KEY, another_key("intruder")), "init.ssh_keys", restart=True),
    case("another-key-of-this-comment", keys(another_key("operator")), "init.ssh_keys", restart=True),
    case("key-with-options", keys(f'command="id" {KEY}'), "init.ssh_keys", restart=True),
    case("no-key", put(sshkeys=None), "init.ssh_keys", restart=True),
    case("upgrade", put(ciupgrade="1"), "init.upgrade", restart=True),
    case("upgrade-by-default", put(ciupgrade=None), "init.upgrade", restart=True),
    case(
        "stale-drive",
        stale,
        "init.current",
        remedy=f"{RESTART}: it is written anew at each start",
        restart=True,
    ),
)

REPLACED = (
    ("gone", gone, "no VM 2002", APPLY),
    ("replaced", replaced, "VM 2002, mail, made by no spec", "choose another id; or, if it is this VM"),
    (
        "without-record",
        without_record,
        "VM 2002, proj-pg01, made by no spec",
        "write into its notes: pgdeploy",
    ),
    (
        "of-another-target",
        made_by("pgdeploy: target prod-pg02, vm 000000000000"),
        "VM 2002, made from target prod-pg02",
        "choose another id",
    ),
)


# -- and the tests -------------------------------------------------------------------------------------


def by_verdict(findings: dict[str, Finding], verdict: Verdict) -> set[str]:
    return {known for known, finding in findings.items() if finding.verdict is verdict}


def test_all_conforms_after_an_apply(full: Site) -> None:
    findings = full.findings()
    assert len(findings) > 40
    assert by_verdict(findings, Verdict.CONFORMS) == set(findings)
    assert full.plan() == StepPlan()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_broken_is_red_and_nothing_else(case: Case, full: Site) -> None:
    case.how(full)
    findings = full.findings()
    assert {known: findings[known].remedy.text for known in by_verdict(findings, Verdict.DRIFTS)} == case.red
    assert by_verdict(findings, Verdict.BLOCKED) == set(map(whole, case.blocked))
    assert by_verdict(findings, Verdict.UNREADABLE) == set(map(whole, case.unreadable))


@pytest.mark.parametrize("case", [case for case in CASES if not case.stuck], ids=str)
def test_an_apply_puts_it_right(case: Case, full: Site) -> None:
    """A restart is done only with leave; without it, the plan still asks for it."""
    case.how(full)
    red, boots = full.red(), full.guest.boots
    left = full.apply()
    assert {str(step.effect) for step in left.steps} == ({"downtime"} if case.restart else set())
    if case.restart:
        assert left.pending
        assert full.guest.boots == boots
        left = full.apply(allow_restart=True)
        assert full.guest.boots == boots + 1
    assert left == StepPlan()
    assert full.red() == set(), f"{red} before"
    assert full.plan().steps == ()
    assert by_verdict(full.findings(), Verdict.CONFORMS) == set(full.findings())


@pytest.mark.parametrize("case", [case for case in CASES if case.stuck], ids=str)
def test_a_plan_names_what_no_step_removes(case: Case, full: Site) -> None:
    case.how(full)
    stuck = full.plan().stuck
    assert {left.check.id for left in stuck} == set(case.red)
    assert all(left.remedy.text for left in stuck)
    assert full.plan().steps == ()


@pytest.mark.parametrize(("name", "how", "actual", "remedy"), REPLACED, ids=[row[0] for row in REPLACED])
def test_of_another_vm_nothing_is_said_but_that_it_is_another(
    name: str, how: Break, actual: str, remedy: str, full: Site
) -> None:
    how(full)
    findings = full.findings()
    made = findings.pop(whole("made"))
    assert made.verdict is Verdict.DRIFTS
    assert made.actual == actual
    assert remedy in made.remedy.text
    assert by_verdict(findings, Verdict.BLOCKED) == set(findings)
    assert {finding.reason for finding in findings.values()} == {f"{whole('made')} drifts: {actual}"}


def test_a_vm_that_is_gone_is_made_again(full: Site) -> None:
    gone(full)
    assert full.apply().steps == ()
    assert full.red() == set()


@pytest.mark.parametrize(
    ("name", "how", "actual", "remedy"), REPLACED[1:], ids=[row[0] for row in REPLACED[1:]]
)
def test_another_vm_is_left_alone(name: str, how: Break, actual: str, remedy: str, full: Site) -> None:
    how(full)
    before = machine_of(full).config.raw
    with pytest.raises(TargetError, match=r"id 2002 is .*; choose another id"):
        full.apply(allow_restart=True)
    assert machine_of(full).config.raw == before


def test_every_check_was_broken(full: Site) -> None:
    broken = {known for case in CASES for known in case.red} | {whole("made")}
    assert broken == {check.id for check in full.target.checks_of("vm")}


def test_what_others_tagged_and_wrote_stays(full: Site) -> None:
    put(
        tags="backup;pgdeploy", description=f"# Do not touch\n\n{full.declared.record}\n\nask Ann", cores="2"
    )(full)
    full.change("memory: 48GB", "memory: 40GB")
    full.apply(allow_restart=True)
    config = machine_of(full).config
    assert config["tags"] == "backup;db;pgdeploy"
    assert config["description"] == f"# Do not touch\n\n{full.declared.record}\n\nask Ann"


def test_a_card_keeps_its_hardware_address(full: Site) -> None:
    before = machine_of(full).config["net0"]
    swap("net0", "virtio=", "e1000=")(full)
    full.apply(allow_restart=True)
    assert machine_of(full).config["net0"].split(",")[0] == before.split(",")[0]


# -- who does not tell ---------------------------------------------------------------------------------


def no_agent_in_image(site: Site) -> None:
    site.guest.installed = False


def refusing(site: Site) -> None:
    def agent(command: str, arguments: object) -> object:
        if command == "guest-network-get-interfaces":
            raise AgentError("Command guest-network-get-interfaces has been disabled")
        return {}

    site.guest.agent = agent  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (no_agent_in_image, "the guest agent does not tell: QEMU guest agent is not running"),
        (refusing, "Command guest-network-get-interfaces has been disabled"),
    ],
    ids=["absent", "refusing"],
)
def test_an_address_that_nobody_tells_is_unreadable(how: Break, reason: str, full: Site) -> None:
    how(full)
    findings = full.findings()
    assert by_verdict(findings, Verdict.UNREADABLE) == {whole("net.reported")}
    assert reason in findings[whole("net.reported")].reason
    assert by_verdict(findings, Verdict.DRIFTS) == set()
    assert full.plan().steps == ()


def test_without_the_agent_nobody_is_asked_for_the_address(site: Site) -> None:
    site.change("  onboot: true", "  onboot: true\n  agent: false")
    site.apply()
    assert "vm_network[net0].reported" not in site.findings()
    assert site.red() == set()
    assert site.proxmox.vm(2002).config["agent"] == "0"


def test_a_key_that_cannot_be_read_is_unreadable(full: Site) -> None:
    full.change(f"[{KEY}]", "[/nowhere/id.pub]")
    findings = full.findings()
    assert by_verdict(findings, Verdict.UNREADABLE) == {whole("init.ssh_keys")}
    reason = "the ssh key /nowhere/id.pub cannot be read: No such file or directory"
    assert findings[whole("init.ssh_keys")].reason.startswith(reason)


def test_a_key_is_read_from_its_file(full: Site, tmp_path: Path) -> None:
    (tmp_path / "id.pub").write_text(f"# mine\n{KEY}\n\n", encoding="utf-8")
    full.change(f"[{KEY}]", f"[{tmp_path / 'id.pub'}]")
    assert full.findings()[whole("init.ssh_keys")].verdict is Verdict.CONFORMS


def test_a_file_that_holds_no_key_is_unreadable(full: Site, tmp_path: Path) -> None:
    (tmp_path / "id").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n", encoding="utf-8")
    full.change(f"[{KEY}]", f"[{tmp_path / 'id'}]")
    found = full.findings()[whole("init.ssh_keys")]
    assert found.verdict is Verdict.UNREADABLE
    assert found.reason == f"{tmp_path / 'id'} holds what is no public ssh key"


def test_a_storage_that_the_token_may_not_see_is_unreadable(full: Site) -> None:
    everything = full.proxmox.cluster.storages.pop("local-zfs")
    found = full.findings()[whole("storage.type")]
    full.proxmox.cluster.storages["local-zfs"] = everything
    assert found.verdict is Verdict.UNREADABLE
    assert "node04 has no storage local-zfs, or the token has no Datastore.Audit" in found.reason


# -- by way of a whole read ----------------------------------------------------------------------------


class Silent(Server):
    """A live server that is reached by ssh, of which nothing answers."""

    address = "pg01"

    def __init__(self) -> None:
        self.host = _Host()

    def open(self, *_: Any, **__: Any) -> Any:
        raise TargetError("pg01: connection refused")


class _Host(Host):
    def __init__(self) -> None:
        """Nothing is opened."""

    def run(self, *_: Any, **__: Any) -> Any:
        raise TargetError("pg01: no route to host")


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PAUSES", ())


def test_the_vm_is_asked_where_nothing_else_answers(full: Site) -> None:
    stop(full)
    facts = full.target.read(Silent())
    found = {check.id: evaluate(check, facts) for check in full.target.checks_of("vm")}
    assert by_verdict(found, Verdict.DRIFTS) == {whole("running")}


def test_a_name_that_does_not_resolve_is_told_of_nobody_else(
    full: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The VM runs and conforms, so neither it nor PostgreSQL is what the headline names."""
    nameless = "pg01 (ssh): ssh: Could not resolve hostname pg01: Name or service not known"

    def unresolved(*_: Any, **__: Any) -> Any:
        raise TargetError(nameless)

    monkeypatch.setattr(Silent, "open", unresolved)
    server = Silent()
    facts = full.target.read(server)
    gate: Any = SimpleNamespace(facts=facts, server=server, way=SimpleNamespace(on="live"))
    assert where(gate) == "pg01, which could not be asked"
    found = evaluate(full.target.checks_of("server")[0], facts)
    assert (found.verdict, found.reason) == (Verdict.BLOCKED, f"PostgreSQL could not be asked: {nameless}")
    monkeypatch.delenv(SECRET)
    with pytest.raises(TargetError) as refused:
        full.target.read(server)
    assert str(refused.value).startswith(f"{nameless}; nor could Proxmox be asked: ")


@pytest.mark.usefixtures("_impatient")
def test_a_proxmox_that_does_not_answer_is_one_reason(full: Site, server16: Embedded) -> None:
    """And what PostgreSQL says is asked all the same."""
    port = full.proxmox.port
    full.proxmox.server.stop()
    facts = full.target.read(_reached_by_ssh(server16))
    found = {check.id: evaluate(check, facts) for check in full.target.checks_of("vm")}
    assert by_verdict(found, Verdict.UNREADABLE) == set(found)
    reason = f"Proxmox at 127.0.0.1:{port} cannot be reached: Connection refused"
    assert {finding.reason for finding in found.values()} == {reason}
    assert facts.lost == ""


def test_a_secret_that_is_not_there_is_one_reason(
    full: Site, server16: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SECRET)
    facts = full.target.read(_reached_by_ssh(server16))
    found = [evaluate(check, facts) for check in full.target.checks_of("vm")]
    assert {finding.verdict for finding in found} == {Verdict.UNREADABLE}
    (reason,) = {finding.reason for finding in found}
    assert SECRET in reason


def _reached_by_ssh(server: Embedded) -> Server:
    """A server that answers, for one that stands on a VM."""
    reached = Server()
    reached.open = server.open  # type: ignore[method-assign]
    reached.host = _Host()
    return reached


def test_only_what_is_asked_is_read(full: Site, server16: Embedded) -> None:
    """Without checks of VM and host neither is asked; a check of them that comes all the same is."""
    gate = Gate(full.target, ConnectionOptions())
    gate._server = _reached_by_ssh(server16)
    of_the_vm = full.target.checks_of("vm")
    gate.ask_only(full.target.checks_of("server"))
    assert isinstance(gate.facts.sections["vm"], Unasked)
    assert {gate.evaluate(check).verdict for check in full.target.checks_of("server")} - {Verdict.DRIFTS}
    assert isinstance(gate.facts.sections["vm"], Unasked)
    assert gate.evaluate(of_the_vm[0]).verdict is Verdict.CONFORMS
    assert not isinstance(gate.facts.sections["vm"], Exception)


def test_where_the_server_does_not_answer_the_others_are_asked_why(full: Site) -> None:
    gate = Gate(full.target, ConnectionOptions())
    gate._server = Silent()
    gate.ask_only(full.target.checks_of("server"))
    assert gate.facts.lost == "pg01: connection refused"
    assert not isinstance(gate.facts.sections["vm"], Exception)


def test_a_dsn_leads_to_no_vm(full: Site, server16: Embedded) -> None:
    reached = Server()
    reached.open = server16.open  # type: ignore[method-assign]
    assert _reasons(full, full.target.read(reached)) == {"no VM over --dsn"}


def test_an_embedded_server_has_no_vm(full: Site, server16: Embedded) -> None:
    reached = Server()
    reached.open = server16.open  # type: ignore[method-assign]
    reached.kind = "embedded"
    assert _reasons(full, full.target.read(reached)) == {"no VM on embedded"}


def _reasons(site: Site, facts: Facts) -> set[str]:
    found = [evaluate(check, facts) for check in site.target.checks_of("vm")]
    assert {finding.verdict for finding in found} == {Verdict.INAPPLICABLE}
    return {finding.reason for finding in found}


def test_facts_without_a_vm_are_unreadable(full: Site) -> None:
    found = [evaluate(check, Facts(NOBODY, None, {}, {})) for check in full.target.checks_of("vm")]
    assert {finding.verdict for finding in found} == {Verdict.UNREADABLE}
