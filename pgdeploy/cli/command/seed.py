"""`pgdeploy seed`: write the rows that the spec's files have."""

from __future__ import annotations

from typing import Annotated

import typer

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
    Yes,
)
from pgdeploy.cli.output import ERROR, confirmed, say
from pgdeploy.reach.server import BUDGET


def seed(
    name: Name,
    clear: Annotated[
        bool, typer.Option("--clear", help="first delete all rows of these tables, where the spec allows it")
    ] = False,
    yes: Yes = False,
    on: OnOption = On.LIVE,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    data_dir: DataDir = None,
    bin_dir: BinDir = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Write the rows of `seeds:` that are missing or have other values. Exit 0: all are there; 2: not all; 1: error."""
    from pgdeploy.cli.steps import apply_steps, require_declared
    from pgdeploy.cli.targets import load_one, open_gate, way_of
    from pgdeploy.errors import TargetError
    from pgdeploy.layers import layer_of

    target, layer = load_one(name), layer_of("seed")
    require_declared(target, layer)
    sections = layer.of(target.spec)
    if clear and (refused := [database for database, section in sections.items() if not section.clear]):
        raise TargetError(
            f"{target.file}: the seeds of {', '.join(refused)} may not be cleared; `clear: true` allows it, where no "
            "row of these tables is needed"
        )
    with open_gate(target, way_of(on, dsn, ssh_config, data_dir, bin_dir, timeout)) as gate:
        if clear:
            from pgdeploy.layers.seed.apply import ToSeed, tables_of, write_seeds

            gate.prepare(layer)
            tables = tables_of(gate.declared, sections)
            say(*(f"{table.database}: all rows of {table.label} are deleted" for table in tables))
            if not yes and not confirmed("Empty", "table", len(tables)):
                raise typer.Exit(ERROR)
            steps = [ToSeed(table.database, table.number) for table in tables]
            write_seeds(target.spec, sections, steps, gate.server, empty=True)
        raise typer.Exit(apply_steps(gate, layer, yes=yes, downtime=False))
