"""What source 000's own script would do to a VM, request by request, and how the plan of its spec differs.

The script is `create_vm()` in deploy-proj-pg01.sh; `qm` is a client of this very API, so what it would send is
known. Most of what the script says of the VM is kept; what Proxmox refuses, and what loses the system, is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from pgdeploy.layers.vm.step import request_of
from pgdeploy.reach.proxmox import Proxmox, ProxmoxError, wait_for_task
from tests.vm.site import Site
from tests.vm.whole import GIB, error_of, volumes_of


class Line(NamedTuple):
    """Lines of the source, and the request that `qm` makes of them."""

    source: str
    verb: str
    path: tuple[object, ...]
    parameters: Mapping[str, object]


CLONE = Line(
    """\
    qm clone ${TEMPLATE_ID} ${VM_ID} \\
        --name ${VM_NAME} \\
        --target ${TARGET_NODE} \\
        --storage ${STORAGE_POOL}
    """,
    "post",
    ("nodes", "node04", "qemu", 9000, "clone"),
    {"newid": 2002, "name": "proj-pg01", "target": "node04", "storage": "local-zfs"},
)

RESOURCES = Line(
    """\
    qm set ${VM_ID} \\
        --cores 8 \\
        --sockets 2 \\
        --memory 49152 \\
        --balloon 8192 \\
        --net0 virtio,bridge=vmbr0,tag=20 \\
        --ipconfig0 ip=10.25.20.8/24,gw=10.25.20.1
    """,
    "post",
    ("nodes", "node04", "qemu", 2002, "config"),
    {
        "cores": 8,
        "sockets": 2,
        "memory": 49152,
        "balloon": 8192,
        "net0": "virtio,bridge=vmbr0,tag=20",
        "ipconfig0": "ip=10.25.20.8/24,gw=10.25.20.1",
    },
)

STORAGE = Line(
    """\
    qm set ${VM_ID} \\
        --scsi0 ${STORAGE_POOL}:32,format=qcow2 \\
        --scsi1 ${STORAGE_POOL}:250,format=qcow2
    """,
    "post",
    ("nodes", "node04", "qemu", 2002, "config"),
    {"scsi0": "local-zfs:32,format=qcow2", "scsi1": "local-zfs:250,format=qcow2"},
)

START = Line("    qm start ${VM_ID}\n", "post", ("nodes", "node04", "qemu", 2002, "status", "start"), {})


def _send(api: Proxmox, line: Line, **instead: object) -> None:
    """The request, and the task that it begins; what is None is left out."""
    parameters: dict[str, Any] = {**line.parameters, **instead}
    given = {name: value for name, value in parameters.items() if value is not None}
    task = getattr(api, line.verb)(*line.path, **given)
    if isinstance(task, str) and task.startswith("UPID:"):
        wait_for_task(api, task, line.source.split("\\")[0].strip(), deadline=lambda: None)


@pytest.fixture
def api(site: Site) -> Proxmox:
    return site.api()


def _cloned(api: Proxmox) -> None:
    """What the script meant: in full, as it names a storage."""
    _send(api, CLONE, full=1)


# -- line by line --------------------------------------------------------------------------------------


def test_its_clone_is_refused(site: Site, api: Proxmox) -> None:
    """A template is cloned as a link unless the clone is said to be full, and a link cannot be elsewhere."""
    with pytest.raises(ProxmoxError) as refused:
        _send(api, CLONE)
    assert refused.value.reason == "parameter 'storage' not allowed for linked clones"
    assert 2002 not in site.proxmox.cluster.machines


def test_its_cpus_are_twice_those_of_its_own_table(site: Site, api: Proxmox) -> None:
    """The table above the script says cpu_cores 8, as 2 sockets x 4; `cores` are of each socket."""
    _cloned(api)
    _send(api, RESOURCES)
    config = site.proxmox.vm(2002).config
    assert int(config["cores"]) * int(config["sockets"]) == 16
    resources = api.get("cluster", "resources", type="vm")
    assert next(row["maxcpu"] for row in resources if row["vmid"] == 2002) == 16


def test_its_disks_are_refused(site: Site, api: Proxmox) -> None:
    """qcow2 is a file, and a ZFS pool has none; the cloned disk is as it was."""
    _cloned(api)
    before = site.proxmox.vm(2002).config["scsi0"]
    with pytest.raises(ProxmoxError) as refused:
        _send(api, STORAGE)
    assert "unsupported format 'qcow2'" in refused.value.reason
    assert site.proxmox.vm(2002).config["scsi0"] == before


def test_without_the_format_its_disks_lose_the_system(site: Site, api: Proxmox) -> None:
    """scsi0 becomes an empty disk of 32 GiB, and the one that was cloned is put aside: nothing boots."""
    _cloned(api)
    system = site.proxmox.vm(2002).config["scsi0"].partition(",")[0]
    _send(api, STORAGE, scsi0="local-zfs:32", scsi1="local-zfs:250")
    config = site.proxmox.vm(2002).config
    assert config["unused0"] == system
    assert config["scsi0"].partition(",")[0] != system
    assert config["boot"] == "order=scsi0"
    assert sorted(volumes_of(site.proxmox).values())[1:] == [3584 << 20, 32 * GIB, 250 * GIB]


def test_it_waits_for_a_ping_and_lets_nobody_in(site: Site, api: Proxmox) -> None:
    """No key, no user, no name server: cloud-init is told an address, and that is all."""
    _cloned(api)
    _send(api, RESOURCES)
    _send(api, STORAGE, scsi0=None, scsi1="local-zfs:250")
    _send(api, START)
    machine = site.proxmox.vm(2002)
    assert machine.cloud_init is not None
    assert "ssh_authorized_keys" not in machine.cloud_init.user_data
    assert not {"sshkeys", "ciuser", "nameserver"} & machine.config.keys()


# -- the plan of its spec ------------------------------------------------------------------------------


def test_the_plan_says_the_same_of_the_vm_where_the_script_is_right(site: Site) -> None:
    clone, configure, grow, start = map(request_of, site.plan().steps)
    assert clone.path == CLONE.path
    assert dict(clone.parameters) == {
        **{name: value for name, value in CLONE.parameters.items() if name != "target"},
        "full": 1,
        "description": str(site.declared.record),
    }
    kept = {name: str(value) for name, value in RESOURCES.parameters.items() if name not in ("cores", "net0")}
    sent = dict(configure.parameters)
    assert {name: sent.get(name, "") for name in kept} == kept
    assert sent["net0"].startswith("virtio=")
    assert sent["net0"].endswith(",bridge=vmbr0,tag=20")
    assert start.path == START.path
    assert grow.verb == "put"


def test_the_plan_has_eight_cpus(site: Site) -> None:
    site.apply()
    config = site.proxmox.vm(2002).config
    assert (config["sockets"], config["cores"]) == ("2", "4")
    assert "vcpus" not in config


def test_the_plan_grows_the_disk_that_has_the_system(site: Site) -> None:
    """The clone's own scsi0, from 3.5 to 32 GiB; scsi1 is the only one that is new."""
    site.apply()
    config = site.proxmox.vm(2002).config
    assert config["scsi0"] == "local-zfs:vm-2002-disk-0,size=32G"
    assert config["scsi1"] == "local-zfs:vm-2002-disk-1,size=250G"
    assert not [option for option in config if option.startswith("unused")]


def test_a_spec_with_the_scripts_format_does_not_load(site: Site) -> None:
    """It is said before anything is asked of Proxmox, with its place."""
    site.change(
        "scsi0: {storage: local-zfs, size: 32GB}", "scsi0: {storage: local-zfs, size: 32GB, format: qcow2}"
    )
    problem = "qcow2 cannot be on local-zfs, which is zfspool; allowed: raw"
    assert problem in error_of(lambda: site.target)
    assert site.proxmox.requests == []


def test_a_spec_with_the_scripts_cores_does_not_load(site: Site) -> None:
    """`vcpus` says what is meant, so that the sum is checked."""
    site.change("cores: 4", "cores: 8")
    assert "16" in error_of(lambda: site.target)


def test_after_the_script_the_plan_finds_what_it_did(site: Site, api: Proxmox) -> None:
    """Where somebody ran it, mended, and its VM is taken over: the disk that was put aside stays where it is."""
    _cloned(api)
    _send(api, RESOURCES)
    _send(api, STORAGE, scsi0="local-zfs:32", scsi1="local-zfs:250")
    assert "no spec made it" in error_of(site.plan)
    site.proxmox.vm(2002).config["description"] = str(site.declared.record)
    causes = {known: finding.actual for known, finding in site.plan().drifts.items()}
    assert causes["vm[proj-pg01].cores"] == "8"
    assert causes["vm_cloud_init[drive].ssh_keys"] == "none"
    assert site.apply().steps == ()
    assert site.red() == {"vm_disk[others].undeclared"}
    assert "unused0" in site.proxmox.vm(2002).config
