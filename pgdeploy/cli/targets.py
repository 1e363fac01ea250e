"""Which targets a command means, and how their servers are reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pgdeploy.cli.options import On
from pgdeploy.cli.output import note
from pgdeploy.reach.server import BUDGET

if TYPE_CHECKING:
    from pgdeploy.gate.gate import ConnectionOptions, Gate
    from pgdeploy.gate.target import Target


def load(names: list[str], *, confined: bool = False) -> list[Target]:
    """Load every target before anything is done with one; all their problems are said at once.

    `confined`: what `--no-commands` refuses is a problem, wherever the spec were realised.

    Raises:
        TargetError: a name means none.
        SpecError: a file is no spec.
    """
    from pgdeploy.errors import SpecError
    from pgdeploy.gate.confine import confine
    from pgdeploy.gate.target import find, load_target

    files = dict.fromkeys(file for name in names for file in find(name))
    targets: list[Target] = []
    problems: list[str] = []
    for file in files:
        try:
            target = load_target(file)
            if confined:
                confine(target)
            targets.append(target)
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(list(dict.fromkeys(problems)))
    return targets


def load_one(name: str) -> Target:
    """The one target that a name means; raises as `load` does."""
    from pgdeploy.errors import TargetError

    found = load([name])
    if len(found) != 1:
        raise TargetError(f"{name} means {len(found)} targets; name one")
    return found[0]


def way_of(
    on: On,
    dsn: str | None,
    ssh_config: Path | None,
    data_dir: Path | None,
    bin_dir: Path | None,
    timeout: float,
    *,
    new_cluster: bool = False,
) -> ConnectionOptions:
    """How the server is reached, by the options of a command. Raises BadParameter where two of them contradict."""
    from pgdeploy.gate.gate import ConnectionOptions
    from pgdeploy.gate.target import ssh_config_of_environment

    for option, folder in (("--data-dir", data_dir), ("--bin-dir", bin_dir)):
        if folder is not None and on is not On.EMBEDDED:
            raise typer.BadParameter(f"{option} goes with --on embedded")
    if on is not On.LIVE and (dsn is not None or ssh_config is not None):
        raise typer.BadParameter("--dsn and --ssh-config go with --on live")
    if on is On.LIVE and dsn is None and ssh_config is None:
        ssh_config = ssh_config_of_environment()
    return ConnectionOptions(str(on), dsn, ssh_config, data_dir, timeout, new_cluster, bin_dir)


def live(ssh_config: Path | None = None) -> ConnectionOptions:
    """The way to the machines that a spec names, by the options of a command that asks no PostgreSQL."""
    return way_of(On.LIVE, None, ssh_config, None, None, BUDGET)


@contextmanager
def open_gate(target: str | Target, way: ConnectionOptions, *, probes: bool = False) -> Iterator[Gate]:
    """The gate of a target, or of the one that a name means; its server is let go at the end."""
    from pgdeploy.gate.gate import Gate

    if isinstance(target, str):
        target = load_one(target)
    gate = Gate(target, way, probes=probes, note=note)
    try:
        yield gate
    finally:
        gate.close()
