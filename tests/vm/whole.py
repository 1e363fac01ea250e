"""What must be so after whatever went wrong: one VM, its own disks and no others, nothing red, nothing to do."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from pgdeploy.core.step import StepPlan
from pgdeploy.errors import PgdeployError
from tests.simulators.proxmox.simulator import Simulator
from tests.vm.site import Site

GIB = 1 << 30

OTHERS = {"local-zfs:base-9000-disk-0", "local-zfs:vm-9000-cloudinit", "local-zfs:vm-101-disk-0"}
"""The volumes of the template and of the machine of others."""


def volumes_of(proxmox: Simulator, vmid: int = 2002) -> dict[str, int]:
    """Volumes by their id with their size, whether a configuration names them or not."""
    return {volume.id: volume.size for volume in proxmox.cluster.volumes() if volume.vmid == vmid}


def require_whole(site: Site) -> None:
    """The VM is as the spec says, and nothing is left of the ways that failed."""
    require_single(site.proxmox)
    assert site.red() == set()
    assert site.plan() == StepPlan()


def require_single(proxmox: Simulator) -> None:
    """One VM with one disk of each kind; no VM and no volume beside it."""
    proxmox.settle()
    assert sorted(proxmox.cluster.machines) == [101, 2002, 9000]
    config = proxmox.vm(2002).config
    assert [option for option in config if option.startswith("unused")] == []
    assert "lock" not in config
    sizes = volumes_of(proxmox)
    assert sorted(sizes.values()) == [4 << 20, 32 * GIB, 250 * GIB]
    named = {text.partition(",")[0] for text in config.values()}
    assert set(sizes) <= named
    assert {volume.id for volume in proxmox.cluster.volumes()} == OTHERS | set(sizes)


def require_untouched(proxmox: Simulator) -> None:
    """Nothing was made, and what others have is as it was."""
    proxmox.settle()
    assert sorted(proxmox.cluster.machines) == [101, 9000]
    assert {volume.id for volume in proxmox.cluster.volumes()} == OTHERS


def anew(proxmox: Simulator) -> None:
    """As it was before the VM was made: quicker than another cluster."""
    proxmox.faults.clear()
    proxmox.settle()
    proxmox.cluster.machines.pop(2002, None)
    for storage in proxmox.cluster.storages.values():
        storage.volumes[:] = [volume for volume in storage.volumes if volume.id in OTHERS]
    proxmox.tasks.clear()
    proxmox.requests.clear()
    require_untouched(proxmox)


def error_of(act: Callable[[], object]) -> str:
    """The error that this must raise: one line that says something."""
    with pytest.raises(PgdeployError) as caught:
        act()
    return one_line(caught.value)


def one_line(error: PgdeployError) -> str:
    text = str(error)
    assert "\n" not in text
    assert re.search(r"\w+ \w+", text), text
    assert "Traceback" not in text
    return text
