"""The command line: what it offers, and what it says about the targets of a run."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pgdeploy.gate.gate import ConnectionOptions


@dataclass(frozen=True, slots=True)
class Options:
    """The targets of a run by their spec files, and how they are asked."""

    files: tuple[Path, ...]
    folder: Path | None
    way: ConnectionOptions
    probes: bool
    report: Path | None


def add_options(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    group = parser.getgroup("pgdeploy", "pgdeploy: the gate of PostgreSQL servers")
    group.addoption(
        "--target",
        dest="pgdeploy_targets",
        action="append",
        metavar="NAME",
        help="check this target: a name or a glob of files in specs/, or a path; may be repeated",
    )
    group.addoption(
        "--on",
        dest="pgdeploy_on",
        choices=("live", "embedded", "container"),
        default="live",
        help="where the spec is realised (default: live)",
    )
    group.addoption(
        "--dsn",
        dest="pgdeploy_dsn",
        metavar="DSN",
        help="libpq connection string instead of the spec's connect:",
    )
    if not _testinfra_has_ssh_config(pluginmanager):
        group.addoption(
            "--ssh-config",
            dest="ssh_config",
            metavar="FILE",
            help="ssh_config file instead of the spec's connect:",
        )
    group.addoption(
        "--data-dir",
        dest="pgdeploy_data_dir",
        metavar="DIR",
        help="with --on embedded: the cluster that was kept here",
    )
    group.addoption(
        "--bin-dir",
        dest="pgdeploy_bin_dir",
        metavar="DIR",
        help="with --on embedded: the programs of another PostgreSQL",
    )
    group.addoption(
        "--no-probes", dest="pgdeploy_probes", action="store_false", default=True, help="the catalogue only"
    )
    group.addoption(
        "--pgdeploy-timeout",
        dest="pgdeploy_timeout",
        type=_seconds,
        metavar="SECONDS",
        help="how long one read or probe may take (default: 60)",
    )
    group.addoption(
        "--no-commands",
        dest="pgdeploy_no_commands",
        action=NoCommands,
        nargs=0,
        default=False,
        help="with --target: refuse a spec that would run a command here or read files beyond its folder, and run no "
        "Python that stands beside it (conftest.py, test_*.py); PGDEPLOY_NO_COMMANDS=1 says the same",
    )
    group.addoption(
        "--pgdeploy-report", dest="pgdeploy_report", metavar="FILE", help="write all findings here, as JSON"
    )
    group.addoption(
        "--specs",
        dest="pgdeploy_specs",
        metavar="DIR",
        help="the folder of specs (default: $PGDEPLOY_SPECS or specs)",
    )


def _seconds(text: str) -> float:
    from pgdeploy.reach.server import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class NoCommands(argparse.Action):
    """For us, and for all that is started from here."""

    def __call__(
        self, parser: object, namespace: argparse.Namespace, values: object, option_string: str | None = None
    ) -> None:
        from pgdeploy.local.trust import forbid_commands

        forbid_commands()
        setattr(namespace, self.dest, True)


def leave_python_alone(known: argparse.Namespace) -> None:
    """Before any conftest.py is loaded: none is, where specs are asked that may be somebody else's."""
    if not getattr(known, "pgdeploy_targets", None):
        return
    from pgdeploy.local.trust import no_commands

    if no_commands():
        known.noconftest = True


def _testinfra_has_ssh_config(pluginmanager: pytest.PytestPluginManager) -> bool:
    """pytest-testinfra has an option of this name and meaning, and pytest refuses a second one."""
    from importlib.util import find_spec

    blocked = any(map(pluginmanager.is_blocked, ("testinfra", "pytest11.testinfra")))
    return not blocked and find_spec("testinfra") is not None


def read_options(config: pytest.Config) -> Options:
    """The options of a run that has `--target`.

    Raises:
        pytest.UsageError: no such target, or options that contradict each other.
    """
    from pgdeploy.gate.gate import ConnectionOptions
    from pgdeploy.gate.target import ssh_config_of_environment
    from pgdeploy.reach.server import BUDGET

    files = _files(config)
    on, dsn = config.getoption("pgdeploy_on"), config.getoption("pgdeploy_dsn")
    data_dir, ssh_config = config.getoption("pgdeploy_data_dir"), config.getoption("ssh_config", None)
    bin_dir = config.getoption("pgdeploy_bin_dir")
    if on != "live" and (dsn is not None or ssh_config is not None):
        raise pytest.UsageError("--dsn and --ssh-config go with --on live")
    for option, value in (("--data-dir", data_dir), ("--bin-dir", bin_dir)):
        if on != "embedded" and value is not None:
            raise pytest.UsageError(f"{option} goes with --on embedded")
    for option, value in (("--dsn", dsn), ("--data-dir", data_dir)):
        if value is not None and len(files) > 1:
            names = ", ".join(file.stem for file in files)
            raise pytest.UsageError(f"{option} is for one target, --target gives {len(files)}: {names}")
    if on == "live" and dsn is None and ssh_config is None:
        ssh_config = ssh_config_of_environment()
    report, folder = config.getoption("pgdeploy_report"), config.getoption("pgdeploy_specs")
    return Options(
        files,
        Path(folder) if folder else None,
        ConnectionOptions(
            on,
            dsn,
            Path(ssh_config) if ssh_config else None,
            Path(data_dir) if data_dir else None,
            config.getoption("pgdeploy_timeout") or BUDGET,
            bin_dir=Path(bin_dir) if bin_dir else None,
        ),
        config.getoption("pgdeploy_probes"),
        None if report is None else config.invocation_params.dir / report,
    )


def _files(config: pytest.Config) -> tuple[Path, ...]:
    from pgdeploy.errors import TargetError
    from pgdeploy.gate.target import find
    from pgdeploy.text.one_line import escape, is_plain

    folder = config.getoption("pgdeploy_specs")
    try:
        found = [
            file
            for name in config.getoption("pgdeploy_targets")
            for file in find(name, folder and Path(folder))
        ]
    except TargetError as error:
        raise pytest.UsageError(str(error)) from None
    for file in found:
        if not is_plain(str(file)):  # pytest prints paths as they are
            raise pytest.UsageError(
                f"a spec's path has characters that nobody sees; rename it: {escape(str(file))}"
            )
    by_name: dict[str, Path] = {}
    for file in map(_shown, found):
        other = by_name.setdefault(file.stem, file)
        if other != file:
            raise pytest.UsageError(f"two targets are called {file.stem}: {other} and {file}")
    return tuple(by_name.values())


def _shown(file: Path) -> Path:
    """The path as messages show it: relative to where pytest runs when it is below that."""
    absolute = Path(os.path.abspath(file))  # noqa: PTH100 - resolve() follows links, and pytest does not
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute
