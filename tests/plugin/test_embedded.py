"""`--on embedded`: the spec is made so first, what such a server cannot have is skipped, nothing is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgdeploy.reach.embedded import start_embedded
from tests.plugin.site import QUIET, Site, lines

pytest_plugins = ["pytester"]

SPEC = """\
postgres: 16
settings: {port: 5432, shared_buffers: 16MB, max_connections: 20}
roles:
  app: {login: true, password: {env: TOWN_SECRET_NOT_SET}}
"""

SLOW = """\
import os, pathlib, time
def test_slow(facts):
    pathlib.Path(os.environ["STARTED"]).touch()
    time.sleep(60)
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the servers of a run are: short, and open to the user that they run as."""
    made = Path(tempfile.mkdtemp(prefix="pgd-"))
    made.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(made))
    yield made
    shutil.rmtree(made)


def servers(folder: Path) -> list[str]:
    """Processes of PostgreSQL on data below the folder."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if str(folder) in line and "postgres" in line]


def left(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith("pgdeploy")]


def run(site: Site, *arguments: str, text: str = SPEC) -> pytest.RunResult:
    site.write("specs/town.yaml", text)
    return site.pytester.runpytest_subprocess(*QUIET, "--target", "town", "--on", "embedded", *arguments)


def test_the_spec_is_made_so_first(site: Site, folder: Path) -> None:
    result = run(site, "-rs")
    outcomes = result.parseoutcomes()
    assert outcomes.keys() == {"passed", "skipped"}
    assert lines(result, "SKIPPED") == [
        "SKIPPED [1] specs/town.yaml:2: an embedded server listens on a private socket only"
    ]
    result.stdout.fnmatch_lines(
        [
            f"town on embedded PostgreSQL 16.*: {outcomes['passed']} conform, 0 drift, 1 inapplicable",
            "  not set in the environment; using generated passwords on the embedded server: TOWN_SECRET_NOT_SET",
            "  1 skipped, an embedded server listens on a private socket only: setting[[]port[]].value",
        ]
    )
    assert not servers(folder)
    assert not left(folder)


def test_kept_data_is_only_looked_at(site: Site, folder: Path) -> None:
    start_embedded(16, folder / "data").close()
    result = run(site, "--data-dir", str(folder / "data"), "-k", "role[app]")
    assert result.parseoutcomes()["failed"] == 1
    assert "FAILED specs/town.yaml::role[app].exists - desired present, actual absent" in result.outlines
    assert not servers(folder)


def test_a_folder_without_a_cluster_is_one_error_and_stays_so(site: Site, folder: Path) -> None:
    result = run(site, "--data-dir", str(folder / "tpyo"))
    assert result.parseoutcomes()["errors"] == 1
    assert (
        len(lines(result, f"town: target town could not be used: {folder}/tpyo: this folder does not")) == 1
    )
    assert not (folder / "tpyo").exists()


def test_a_spec_that_cannot_be_made_is_one_error(site: Site, folder: Path) -> None:
    result = run(site, text=SPEC.replace("env: TOWN_SECRET_NOT_SET", "file: nowhere"))
    assert result.parseoutcomes()["errors"] == 1
    hint = "a relative path counts from the folder of the spec that says it"
    why = f"role[app].password: secret file specs/nowhere: cannot be read: No such file or directory ({hint})"
    message = f"target town could not be used: town cannot be made on an embedded server: {why}"
    assert lines(result, "town: ") == [f"town: {message}"]
    assert not servers(folder)


@pytest.mark.parametrize("arguments", [(), ("-n2",)])
def test_nothing_is_left_after_an_interrupt(site: Site, folder: Path, arguments: tuple[str, ...]) -> None:
    site.write("specs/town.yaml", SPEC)
    site.write("specs/test_own.py", SLOW)
    started = folder / "started"
    command = [sys.executable, "-m", "pytest", *QUIET, "--target", "town", "--on", "embedded", *arguments]
    process = subprocess.Popen(
        command, cwd=site.pytester.path, env={**os.environ, "STARTED": str(started)}, start_new_session=True
    )
    until(started.exists)
    assert servers(folder)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to all of the foreground
    assert process.wait(30) == pytest.ExitCode.INTERRUPTED
    until(lambda: not servers(folder))
    until(lambda: not left(folder))


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
