"""Whatever goes wrong at any request or any task of an act: the faults, and the way back to before it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

from pgdeploy.errors import PgdeployError
from tests.simulators.proxmox.faults import Faults
from tests.simulators.proxmox.simulator import Simulator
from tests.vm.whole import one_line


def _refuse(faults: Faults, nth: int) -> None:
    """By the node, or by the cluster that does not reach it: the two in turns."""
    if nth % 2:
        faults.answer(nth, 500, "unable to do it")
    else:
        faults.answer(nth, 595)


FAULTS: Mapping[str, Callable[[Faults, int], None]] = {
    "refused": _refuse,
    "dropped": lambda faults, nth: faults.drop(nth),
    "answer lost": lambda faults, nth: faults.lose(nth),
}
"""Each arranges it for the request of this number. Of the last, what was asked for is done; of the others it is not."""

LOST: Mapping[str, Callable[[Faults, int], None]] = {
    **{name: FAULTS[name] for name in ("dropped", "answer lost")},
    "595": lambda faults, nth: faults.answer(nth, 595),
}
"""Those after which nobody knows whether it was done."""


def chosen(requests: Sequence[int], fault: str = "") -> Sequence[int]:
    """Every third, another one for each fault, so that each request has one; `make test-vm` takes them all."""
    if "PGDEPLOY_EVERY_REQUEST" in os.environ:
        return requests
    first = list(FAULTS).index(fault) if fault else 0
    return requests[first :: len(FAULTS)] or requests


def ends_well(act: Callable[[], object]) -> bool:
    """Whether it does; if not, it says why in one line."""
    try:
        act()
    except PgdeployError as error:
        one_line(error)
        return False
    return True


class Moment:
    """Machines and volumes as they are now, to come back to: quicker than another cluster."""

    def __init__(self, proxmox: Simulator) -> None:
        self._proxmox = proxmox
        proxmox.settle()
        cluster = proxmox.cluster
        self._machines = deepcopy(cluster.machines)
        self._volumes = {name: deepcopy(storage.volumes) for name, storage in cluster.storages.items()}
        self.back()

    def back(self) -> None:
        """As it was, with no faults, and nothing asked or done since."""
        proxmox, cluster = self._proxmox, self._proxmox.cluster
        proxmox.faults.clear()
        proxmox.settle()
        cluster.machines.clear()
        cluster.machines.update(deepcopy(self._machines))
        for name, volumes in self._volumes.items():
            cluster.storages[name].volumes[:] = deepcopy(volumes)
        proxmox.tasks.clear()
        proxmox.requests.clear()
