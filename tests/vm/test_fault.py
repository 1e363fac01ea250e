"""Whatever fails, at whatever request or task: one clear error or none, and the next run makes it whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from pgdeploy.core.step import StepPlan
from pgdeploy.errors import PgdeployError
from pgdeploy.reach import proxmox as client
from tests.vm.faulty import FAULTS, LOST, chosen, ends_well
from tests.vm.hasty import hasty
from tests.vm.site import Site
from tests.vm.site import site as make
from tests.vm.whole import anew, error_of, require_whole

BATCHES = 6
"""Each fault's requests are spread over so many tests, and so over the processes that run them."""


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with hasty():
        yield


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many requests a run without faults takes."""
    with hasty(), make(tmp_path_factory.mktemp("clean")) as site:
        site.apply()
        return len(site.proxmox.requests)


TASKS = ["qmclone", "qmconfig", "resize", "qmstart"]


def test_a_clean_run_asks_for_each_step_once(site: Site) -> None:
    """The ruler of all that follows: it has what can fail."""
    site.apply()
    writes = [
        (seen.method, seen.path.rpartition("/")[2]) for seen in site.proxmox.requests if seen.method != "GET"
    ]
    assert writes == [("POST", "clone"), ("POST", "config"), ("PUT", "resize"), ("POST", "start")]
    assert [task.type for task in site.proxmox.tasks] == TASKS
    assert {seen.status for seen in site.proxmox.requests} == {200}
    require_whole(site)


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_any_request(fault: str, batch: int, clean: int, site: Site) -> None:
    site.proxmox.durations[""] = 0.02
    for nth in chosen(range(1 + batch, clean + 1, BATCHES), fault):
        FAULTS[fault](site.proxmox.faults, nth)
        _run_and_mend(site)
        anew(site.proxmox)


def _run_and_mend(site: Site) -> None:
    ends_well(site.apply)
    site.proxmox.faults.clear()
    site.apply()
    require_whole(site)


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("verb", ["clone", "config", "resize", "start"])
def test_a_write_that_got_lost_is_looked_for_and_made_once(verb: str, fault: str, site: Site) -> None:
    """Nobody is told of it: it was done, or it is done now."""
    LOST[fault](site.proxmox.faults, _nth_of(verb, site))
    assert site.apply() == StepPlan()
    require_whole(site)
    made = [task.type for task in site.proxmox.tasks if task.exitstatus == "OK"]
    assert [task for task in made if task != "resize"] == ["qmclone", "qmconfig", "qmstart"]


def _nth_of(verb: str, site: Site) -> int:
    """Which request of a clean run it is; the cluster is as before."""
    site.apply()
    writes = [seen.method != "GET" and seen.path.endswith(f"/{verb}") for seen in site.proxmox.requests]
    anew(site.proxmox)
    return writes.index(True) + 1


@pytest.mark.parametrize("nth", [1, 4, 7, 16, 26])
def test_no_answer_in_time(nth: int, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 0.5)
    site.proxmox.faults.hang(nth, 1.5)
    _run_and_mend(site)


@pytest.mark.parametrize("type", ["qmclone", "resize", "qmstart"])
def test_a_task_that_fails(type: str, site: Site) -> None:
    """It is said in Proxmox's own words, with the task, and not tried again blindly."""
    site.proxmox.faults.fail_task(type=type, text="out of luck")
    text = error_of(site.apply)
    assert "out of luck" in text
    assert f":{type}:" in text
    assert [task.type for task in site.proxmox.tasks] == TASKS[: TASKS.index(type) + 1]
    site.apply()
    require_whole(site)


def test_a_change_of_the_configuration_that_fails_half_way(site: Site) -> None:
    """Proxmox has written all of it as pending by then, and the start takes it: nothing is asked twice."""
    site.proxmox.faults.fail_task(type="qmconfig", text="out of luck")
    assert site.apply() == StepPlan()
    assert [task.type for task in site.proxmox.tasks] == TASKS
    require_whole(site)


@pytest.mark.parametrize("type", ["qmclone", "resize", "qmstart"])
def test_a_task_is_interrupted_while_it_is_waited_for(type: str, site: Site) -> None:
    """As when somebody presses Stop in the web interface, of a task that hangs."""
    site.proxmox.faults.hold_task(type=type)

    def stop(_: str, path: str) -> bool:
        """At the first look at it; the request itself is left alone."""
        for task in site.proxmox.tasks:
            if task.type == type and "/status" in path and "UPID" in path:
                task.killed = True
        return False

    site.proxmox.faults.drop(1, stop)
    assert "interrupt" in error_of(site.apply)
    site.proxmox.faults.clear()
    site.apply()
    require_whole(site)


def test_faults_one_after_another(site: Site) -> None:
    """Every third answer is lost, for the whole of the run."""
    for nth in range(3, 200, 3):
        site.proxmox.faults.lose(nth)
    with suppress(PgdeployError):
        site.apply()
    site.proxmox.faults.clear()
    site.apply()
    require_whole(site)
