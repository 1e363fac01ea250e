"""`pgdeploy plan`: the SQL that brings the server to the spec."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pgdeploy.cli.options import (
    BinDir,
    DataDir,
    Dsn,
    Json,
    Name,
    NoCommands,
    On,
    OnOption,
    PlannedLayer,
    Specs,
    SshConfig,
    Timeout,
    To,
)
from pgdeploy.cli.output import DIFFERENT, ERROR, OK, print_json, say
from pgdeploy.cli.steps import plan_steps
from pgdeploy.cli.targets import open_gate, way_of
from pgdeploy.reach.server import BUDGET


def plan(
    target: Name,
    layer: PlannedLayer = "server",
    on: OnOption = On.LIVE,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    data_dir: DataDir = None,
    bin_dir: BinDir = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
    json: Json = False,
    to: To = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="with --layer migration: print the SQL that would run")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="save the plan, to bind `apply --plan` to it")
    ] = None,
) -> None:
    """Print the SQL that brings the server to the spec, or the steps of another layer.

    Exit 0: nothing to do; 2: changes; 1: error.
    """
    from pgdeploy.layers import SERVER, layer_of
    from pgdeploy.local.new_file import write_file
    from pgdeploy.report import plan as render_plan
    from pgdeploy.report import saved_plan
    from pgdeploy.text.one_line import json_text

    _require_sense(of_server=layer == SERVER.name, to=to, sql=sql, json=json)
    if out is not None:
        _require_writable("--out", out)
    with open_gate(target, way_of(on, dsn, ssh_config, data_dir, bin_dir, timeout, new_cluster=True)) as gate:
        if layer != SERVER.name:
            raise typer.Exit(plan_steps(gate, layer_of(layer), json=json, out=out, to=to, sql=sql))
        planned = gate.plan()
        if out is not None or json:
            data = saved_plan.as_data(planned, gate)
            if out is not None:
                write_file(out, json_text(data))
            if json:
                print_json(data)
        if not json:
            say(*render_plan.lines(planned, gate))
    if planned.unreadable:
        raise typer.Exit(ERROR)
    raise typer.Exit(DIFFERENT if planned.changes or planned.stuck else OK)


def _require_sense(*, of_server: bool, to: str | None, sql: bool, json: bool) -> None:
    if of_server and (to is not None or sql):
        raise typer.BadParameter(
            "--to and --sql go with --layer migration: a plan of the server is SQL, and whole"
        )
    if json and sql:
        raise typer.BadParameter("--json has the SQL already: leave out --sql")


def _require_writable(option: str, file: Path) -> None:
    """Before a server is asked."""
    from pgdeploy.errors import PgdeployError
    from pgdeploy.local.new_file import require_writable

    try:
        require_writable(file)
    except OSError as error:
        raise PgdeployError(f"{option} {file}: {error.strerror}") from None
