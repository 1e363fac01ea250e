"""The same as test_fault.py of all else that is done: a move, a restart, another address, destroy, stop and start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

import pytest

from pgdeploy.cli.command.vm.destroy import destroy
from pgdeploy.cli.command.vm.stop import stop
from pgdeploy.core.step import StepPlan
from pgdeploy.errors import PgdeployError
from pgdeploy.layers.vm import power
from pgdeploy.layers.vm.arrive import arrive
from pgdeploy.layers.vm.deadline import Deadline
from tests.vm.faulty import FAULTS, Moment, chosen, ends_well
from tests.vm.hasty import hasty
from tests.vm.site import Site
from tests.vm.test_plan import template_on
from tests.vm.whole import error_of, one_line, require_single, require_untouched, require_whole

BATCHES = 2
"""Each fault's requests are spread over so many tests, and so over the processes that run them."""


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with hasty():
        yield


@dataclass(frozen=True)
class Act:
    """What is done to a cluster that was arranged for it.

    `require` says whether it is done, and `again` does it where it may be done already.
    """

    arrange: Callable[[Site], None]
    do: Callable[[Site], object]
    tasks: tuple[str, ...]
    """Of a clean run, in order, each once in a row."""
    require: Callable[[Site], None]
    again: Callable[[Site], object] | None = None

    def mend(self, site: Site) -> None:
        (self.again or self.do)(site)


# -- what is done, and how it must end -----------------------------------------------------------------


def _template_elsewhere(site: Site) -> None:
    template_on(site, "node01")


def _require_here(site: Site) -> None:
    _require_as_declared(site)
    assert site.proxmox.vm(2002).node == "node04"
    assert site.guest.boots == 1


def _made(site: Site) -> None:
    site.apply()
    require_whole(site)


def _other_cores(site: Site) -> None:
    _made(site)
    site.change("vcpus: 8", "vcpus: 4")
    site.change("cores: 4", "cores: 2")


def _require_other_cores(site: Site) -> None:
    _require_one_restart(site)
    running = site.proxmox.vm(2002).running
    assert running is not None
    assert running["cores"] == "2"


def _other_address(site: Site) -> None:
    _made(site)
    site.change("10.25.20.8/24", "10.25.20.9/24")


def _require_other_address(site: Site) -> None:
    _require_one_restart(site)
    boot = site.guest.boot
    assert boot is not None
    assert boot.cloud_init is not None
    assert "ip=10.25.20.9/24" in boot.config["ipconfig0"].split(",")
    assert "10.25.20.9" in boot.cloud_init.network_config


def _require_one_restart(site: Site) -> None:
    """However often it had to be asked for: each is an outage."""
    _require_as_declared(site)
    assert site.guest.boots == 2


def _require_as_declared(site: Site) -> None:
    """After an apply, which says itself that nothing is left to do."""
    require_single(site.proxmox)
    assert site.red() == set()


def _apply(site: Site) -> None:
    assert site.apply(allow_restart=True) == StepPlan()


def _destroy(site: Site) -> None:
    destroy(str(site.file), confirm="proj-pg01")


def _destroy_what_is_left(site: Site) -> None:
    """Whoever was told of an error may find that it is gone, or what Proxmox itself leaves when a destroy fails."""
    try:
        _destroy(site)
    except PgdeployError as error:
        _require_said(site, one_line(error))


def _require_said(site: Site, text: str) -> None:
    """It is gone, or it is locked for good and says how it goes: by what we do then."""
    if "there is no VM 2002" not in text:
        assert "VM 2002 is locked (destroyed)" in text
        site.proxmox.settle()
        if 2002 in site.proxmox.cluster.machines:
            assert "qm destroy 2002" in text
            del site.proxmox.cluster.machines[2002]


def _require_gone(site: Site) -> None:
    require_untouched(site.proxmox)
    assert "there is no VM 2002; pgdeploy vm apply prod-pg01 makes it" in error_of(lambda: _destroy(site))


def _stop(site: Site) -> None:
    stop(str(site.file), force=False)


def _require_stopped(site: Site) -> None:
    require_single(site.proxmox)
    assert site.proxmox.vm(2002).running is None
    assert site.red() == {"vm[proj-pg01].running"}
    assert [step.text for step in site.plan().steps] == ["start it"]


def _stopped(site: Site) -> None:
    _made(site)
    _stop(site)


def _start(site: Site) -> None:
    """As `vm start` does it, but for ssh, which nobody would answer."""
    declared = site.declared
    proxmox, deadline = declared.proxmox(), Deadline(declared.vm.within, site.notes.append)
    power.start(declared, proxmox, deadline, site.notes.append)
    arrive(declared, proxmox, None, deadline, site.notes.append)


def _require_started(site: Site) -> None:
    require_whole(site)
    assert site.guest.boots == 2


ACTS = {
    "a template elsewhere": Act(
        _template_elsewhere,
        _apply,
        ("qmclone", "qmigrate", "qmconfig", "resize", "qmstart"),
        _require_here,
    ),
    "other cores": Act(_other_cores, _apply, ("qmconfig", "qmreboot", "qmstart"), _require_other_cores),
    "another address": Act(
        _other_address, _apply, ("qmconfig", "qmshutdown", "qmconfig", "qmstart"), _require_other_address
    ),
    "destroy": Act(_made, _destroy, ("qmstop", "qmdestroy"), _require_gone, _destroy_what_is_left),
    "stop": Act(_made, _stop, ("qmshutdown",), _require_stopped),
    "start": Act(_stopped, _start, ("qmstart",), _require_started),
}


@dataclass
class Stage:
    """A cluster that an act is done to again and again."""

    act: Act
    site: Site
    moment: Moment
    requests: int
    writes: int
    tasks: int
    """How many a clean run has."""

    def run_and_mend(self) -> None:
        """What is said to be done is done, and the next run leaves it alone; what is not, the next run does."""
        proxmox = self.site.proxmox
        done = ends_well(lambda: self.act.do(self.site))
        proxmox.faults.clear()
        if done:
            self.act.require(self.site)
            proxmox.requests.clear()
        self.act.mend(self.site)
        if done:
            assert {seen.method for seen in proxmox.requests} == {"GET"}
        else:
            self.act.require(self.site)
        self.moment.back()


@pytest.fixture(params=ACTS)
def stage(request: pytest.FixtureRequest, site: Site) -> Stage:
    act = ACTS[request.param]
    site.proxmox.durations[""] = 0.0
    act.arrange(site)
    moment = Moment(site.proxmox)
    act.do(site)
    methods = [seen.method for seen in site.proxmox.requests]
    tasks = [task.type for task in site.proxmox.tasks]
    assert {seen.status for seen in site.proxmox.requests} == {200}
    # after a reboot the node starts it, and so may we, who see it down: one of both is told that it runs
    assert [first for first, _ in groupby(tasks)] == list(act.tasks)
    act.require(site)
    moment.back()
    return Stage(act, site, moment, len(methods), len(methods) - methods.count("GET"), len(tasks))


# -- the faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_any_request(fault: str, batch: int, stage: Stage) -> None:
    for nth in chosen(range(1 + batch, stage.requests + 1, BATCHES), fault):
        FAULTS[fault](stage.site.proxmox.faults, nth)
        stage.run_and_mend()


def test_a_fault_at_any_task(stage: Stage) -> None:
    for nth in range(1, stage.tasks + 1):
        stage.site.proxmox.faults.fail_task(nth, text="out of luck")
        stage.run_and_mend()


def test_an_answer_is_lost_of_what_takes_a_while(stage: Stage) -> None:
    """Whoever looks finds it half done, in the same run or in the next."""
    stage.site.proxmox.durations[""] = 0.2
    for nth in range(1, stage.writes + 1):
        stage.site.proxmox.faults.lose(nth, lambda method, _: method != "GET")
        stage.run_and_mend()


def test_a_restart_that_goes_on_is_waited_for(site: Site) -> None:
    """Asked for once more, it may be done once more, depending on who gets the lock of the file first."""
    _other_cores(site)
    site.proxmox.durations["qmreboot"] = 0.3
    site.proxmox.tasks.clear()
    site.proxmox.faults.lose(1, lambda _, path: path.endswith("/reboot"))
    _apply(site)
    _require_other_cores(site)
    assert [task.type for task in site.proxmox.tasks].count("qmreboot") == 1


def test_half_destroyed_is_said_by_all_that_find_it(site: Site) -> None:
    """The disks are gone, and so are the notes: that no spec made it would be wrong, and other notes no remedy."""
    _made(site)
    site.proxmox.faults.fail_task(type="qmdestroy", text="no quorum")
    assert "no quorum" in error_of(lambda: _destroy(site))
    for act in (site.plan, site.apply, lambda: _start(site), lambda: _stop(site), lambda: _destroy(site)):
        text = error_of(act)
        assert "VM 2002 is locked (destroyed)" in text
        assert "qm destroy 2002" in text
