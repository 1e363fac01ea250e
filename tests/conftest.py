"""Real servers for the tests: one cluster of each major version a session (and a worker), made when first asked."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.errors import MissingExtra
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.programs import wheel_bin

ROOT = Path(__file__).parent.parent

FAST = ("-c fsync=off", "-c max_connections=60", "-c shared_buffers=16MB")
"""A test's cluster may be lost; it must be quick and small."""

CHOSEN = ("setting[fsync].value", Verdict.INAPPLICABLE)
"""What a gate says of the first of these options: whoever starts the server has chosen it."""


def not_conforming(findings: Iterable[Finding]) -> list[Finding]:
    """All but what conforms, and but what the tests' own servers cannot have."""
    fine = Verdict.CONFORMS
    return [one for one in findings if one.verdict is not fine and (one.check.id, one.verdict) != CHOSEN]


def programs(major: int) -> Path | None:
    """Where PostgreSQL of this major version is: named by the environment, the wheel, Debian, the cache."""
    named = os.environ.get(f"PGDEPLOY_POSTGRES_{major}")
    places = [Path(named)] if named else []
    if major in (16, 18):
        with contextlib.suppress(MissingExtra):
            places.append(wheel_bin(major))
    places += [Path(f"/usr/lib/postgresql/{major}/bin"), ROOT / f".cache/postgres/{major}/bin"]
    return next((place for place in places if (place / "initdb").exists()), None)


def require_programs(major: int) -> Path:
    """The same; where there are none the test is skipped with the reason, and fails in CI."""
    if (found := programs(major)) is not None:
        return found
    missing = f"{_MISSING}{major} is not on this machine (set PGDEPLOY_POSTGRES_{major} to its bin directory)"
    if os.environ.get("PGDEPLOY_CI"):
        pytest.fail(missing)
    pytest.skip(missing)


_MISSING = "PostgreSQL "


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A version that is missing is one line of the summary, not one for each test that needs it."""
    report = yield
    if isinstance(report.longrepr, tuple) and report.longrepr[2].startswith(f"Skipped: {_MISSING}"):
        report.longrepr = (__file__, 1, report.longrepr[2])
    return report


def copied(major: int, folder: Path) -> Path:
    """Programs of our own in this folder, to put extensions and libraries beside them."""
    found = require_programs(major)
    folder.chmod(0o755)
    shutil.copytree(found.parent, folder / "of" / "pg", symlinks=True)
    for libraries in found.parents[2].glob("*.libs"):  # where a wheel's programs look for them
        (folder / libraries.name).symlink_to(libraries)
    return folder / "of" / "pg" / "bin"


def open_to_servers(folder: Path) -> None:
    """A server that runs as another user may reach what is in this folder."""
    top = Path(tempfile.gettempdir())
    for one in (folder, *folder.parents):
        if not one.is_relative_to(top) or one == top:
            return
        one.chmod(0o755)


def cluster(major: int, options: Sequence[str] = FAST) -> Iterator[Cluster]:
    found = require_programs(major)
    with tempfile.TemporaryDirectory(prefix="pgdeploy-test-") as home:
        server = Cluster(Path(home) / "home", found, options=options)
        Path(home).chmod(0o755)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session", autouse=True)
def signals_reach_children() -> None:
    """A run by nohup, or in the background of a shell script, ignores signals, and so would what the tests start."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)  # still nothing here; the default again in a new program


@pytest.fixture(scope="session")
def server14() -> Iterator[Cluster]:
    yield from cluster(14)


@pytest.fixture(scope="session")
def server15() -> Iterator[Cluster]:
    yield from cluster(15)


@pytest.fixture(scope="session")
def server16() -> Iterator[Cluster]:
    yield from cluster(16)


@pytest.fixture(scope="session")
def server17() -> Iterator[Cluster]:
    yield from cluster(17)


@pytest.fixture(scope="session")
def server18() -> Iterator[Cluster]:
    yield from cluster(18)
