"""Two applies at once: nothing is made twice, nothing is left over, and whoever loses says so clearly."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pgdeploy.core.step import StepPlan
from pgdeploy.errors import PgdeployError
from tests.vm.command import start
from tests.vm.hasty import hasty
from tests.vm.site import Site
from tests.vm.way import way
from tests.vm.whole import one_line, require_single, require_whole

DURATIONS: Mapping[str, Mapping[str, float]] = {
    "all quick": {"": 0.0},
    "a slow clone": {"": 0.02, "qmclone": 0.6},
    "a slow change": {"": 0.02, "qmconfig": 0.4},
    "a slow disk": {"": 0.02, "resize": 0.4},
    "a slow start": {"": 0.02, "qmstart": 0.4},
    "all slow": {"": 0.25},
}

LATER = (0.0, 0.03, 0.3)
"""Seconds by which the second begins after the first."""


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("durations", DURATIONS)
def test_two_threads(durations: str, later: float, site: Site) -> None:
    site.proxmox.durations.update(DURATIONS[durations])
    with hasty():
        first, second = _both(site.apply, lambda: _after(later, site.apply))
        ends = [_well(first), _well(second)]
        assert any(ends)
        require_single(site.proxmox)
        site.apply()
        require_whole(site)
    _require_once(site)


def _both(*acts: Callable[[], StepPlan]) -> list[Future[StepPlan]]:
    with ThreadPoolExecutor(len(acts)) as pool:
        return [pool.submit(act) for act in acts]


def _after(seconds: float, act: Callable[[], StepPlan]) -> StepPlan:
    threading.Event().wait(seconds)
    return act()


def _well(run: Future[StepPlan]) -> bool:
    """Whether it ended well; if not, it says why, as we do."""
    error = run.exception()
    if error is None:
        return run.result() == StepPlan()
    assert isinstance(error, PgdeployError), error
    one_line(error)
    return False


def _require_once(site: Site) -> None:
    """What can only be made once was made once, by whichever of them."""
    made = [task.type for task in site.proxmox.tasks if task.exitstatus == "OK"]
    assert made.count("qmclone") == 1
    assert made.count("qmstart") == 1


def test_four_threads(site: Site) -> None:
    with hasty():
        runs = _both(*[site.apply] * 4)
        ends = [_well(run) for run in runs]
        assert any(ends)
        site.apply()
        require_whole(site)
    _require_once(site)


@pytest.mark.parametrize("durations", ["all quick", "a slow clone", "all slow"])
def test_two_processes(durations: str, site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    """As two people would; both write the same host key into one file."""
    site.proxmox.durations.update(DURATIONS[durations])
    with way(tmp_path_factory.mktemp("way")) as sshd:
        known_hosts = sshd.lead(site)
        processes = [start(site.folder, "vm", "apply", str(site.file), "--yes") for _ in range(2)]
        codes = [_code(process) for process in processes]
    assert 0 in codes
    assert set(codes) <= {0, 1}
    assert set(known_hosts.read_text().splitlines()) == {f"{sshd.name} {sshd.host_key}"}
    with hasty():
        site.apply()
        require_whole(site)
    _require_once(site)


def _code(process: subprocess.Popen[str]) -> int:
    """Its exit code; with an error there is one line that says which."""
    _, errors = process.communicate(timeout=40)
    assert "Traceback" not in errors
    said = [line for line in errors.splitlines() if line.startswith("pgdeploy: ")]
    assert len(said) == (process.returncode != 0), errors
    return process.returncode
