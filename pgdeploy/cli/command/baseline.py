"""`pgdeploy baseline`: what the statements of a target cost, kept and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgdeploy.cli.options import Dsn, Json, Name, NoCommands, On, Specs, SshConfig, Timeout
from pgdeploy.cli.output import DIFFERENT, OK, note, print_json, say
from pgdeploy.reach.server import BUDGET

if TYPE_CHECKING:
    from pgdeploy.layers.workload.baseline import Baseline


def baseline(
    name: Name,
    save: Annotated[bool, typer.Option("--save", help="keep what is measured as the baseline")] = False,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="the baseline; default baselines/NAME.json")
    ] = None,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
    json: Json = False,
) -> None:
    """Measure the workloads of a target, and compare them with a baseline.

    Buffers and temporary files decide first, then times as ratios to a calibration in the same run.
    Exit 0: saved, or nothing is slower; 2: something is slower; 1: error, or a baseline that does not fit.
    """
    from dataclasses import asdict

    from pgdeploy.errors import TargetError
    from pgdeploy.layers.workload.regression import refused, verdicts
    from pgdeploy.local.new_file import write_file

    measured, kept = _measured(name, dsn, ssh_config, timeout), file
    kept = kept or Path("baselines") / f"{measured.target}.json"
    if save:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_file(kept, measured.as_text())
        say(f"{kept}: {len(measured.statements)} workloads")
        raise typer.Exit(OK)
    old = _read(kept)
    if why := refused(old, measured):
        raise TargetError(f"{kept} does not fit: {why}; save a baseline here with --save")
    found = list(verdicts(old, measured))
    if json:
        print_json({"target": measured.target, "workloads": [asdict(one) for one in found]})
    else:
        say(*(f"workload[{one.name}]: {one.word}: {one.reason}" for one in found))
    raise typer.Exit(DIFFERENT if any(one.word == "slower" for one in found) else OK)


def _measured(name: str, dsn: str | None, ssh_config: Path | None, timeout: float) -> Baseline:
    from pgdeploy.cli.targets import load_one, way_of
    from pgdeploy.errors import TargetError
    from pgdeploy.gate.gate import Gate
    from pgdeploy.layers import layer_of
    from pgdeploy.layers.workload.baseline import measure

    target = load_one(name)
    section = layer_of("workload").of(target.spec)
    if section is None or not section.statements:
        raise TargetError(f"{target.name}: there are no workloads: write `workloads:` into {target.file}")
    gate = Gate(target, way_of(On.LIVE, dsn, ssh_config, None, None, timeout), probes=False, note=note)
    try:
        return measure(target.name, target.spec, section, gate.server)
    finally:
        gate.close()


def _read(file: Path) -> Baseline:
    from pgdeploy.errors import TargetError
    from pgdeploy.layers.workload.baseline import Baseline

    try:
        return Baseline.read(file.read_text("utf-8"))
    except FileNotFoundError:
        raise TargetError(f"{file} does not exist; save a baseline with --save first") from None
    except (ValueError, OSError) as error:
        raise TargetError(f"{file}: {error}") from None
