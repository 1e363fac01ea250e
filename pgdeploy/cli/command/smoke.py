"""`pgdeploy smoke`: is the server healthy, within a time limit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pgdeploy.cli.findings import print_findings
from pgdeploy.cli.options import (
    BinDir,
    DataDir,
    Dsn,
    Name,
    NoCommands,
    On,
    OnOption,
    Specs,
    SshConfig,
    Timeout,
)
from pgdeploy.cli.output import DIFFERENT, OK, say
from pgdeploy.cli.targets import load_one, open_gate, way_of
from pgdeploy.reach.server import BUDGET

if TYPE_CHECKING:
    from pgdeploy.gate.gate import Gate
    from pgdeploy.lifecycle.smoke import Health


def smoke(
    name: Name,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="write what was found here, as JSON")
    ] = None,
    on: OnOption = On.LIVE,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    data_dir: DataDir = None,
    bin_dir: BinDir = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Ask what `smoke:` chooses, or all, in its time. Exit 0: healthy; 2: not healthy; 1: it could not be asked."""
    from pgdeploy.errors import PgdeployError
    from pgdeploy.lifecycle import smoke as run
    from pgdeploy.local.new_file import require_writable
    from pgdeploy.model.smoke import SmokeSpec

    target = load_one(name)
    if output is not None:
        require_writable(output)
    way = way_of(on, dsn, ssh_config, data_dir, bin_dir, timeout)
    with open_gate(target, way, probes=True) as gate:
        try:
            health = run.smoke(gate, target.spec.smoke or SmokeSpec.model_validate({}))
        except PgdeployError as error:
            _write(output, {"target": target.name, "healthy": False, "why": str(error)})
            raise
        _write(output, _data(gate, health))
        _print(gate, health)
    raise typer.Exit(OK if health.healthy else DIFFERENT)


def _data(gate: Gate, health: Health) -> dict[str, Any]:
    from pgdeploy.report import findings as report

    known = report.report(gate, health.findings) if health.findings else {"target": gate.target.name}
    return {"schema": report.SCHEMA, **health.as_data(), **known}


def _write(output: Path | None, data: dict[str, Any]) -> None:
    from pgdeploy.local.new_file import write_file
    from pgdeploy.text.one_line import json_text

    if output is not None:
        write_file(output, json_text(data))


def _print(gate: Gate, health: Health) -> None:
    from pgdeploy.text.quantity import shown

    if health.findings:
        print_findings(gate, health.findings)
    if health.tests:
        say(*(f"{one.file}: {one.said}" for one in health.tests))
    took = f"in {shown(health.seconds, 's')} of {health.limit}"
    say(f"{gate.target.name}: {'healthy' if health.healthy else f'not healthy: {health.why}'}, {took}")
