"""`pgdeploy vm plan`: what would make the VM as the spec says; as `pgdeploy plan --layer vm`."""

from __future__ import annotations

import typer

from pgdeploy.cli.options import Json, Name, NoCommands, Specs
from pgdeploy.cli.steps import plan_steps
from pgdeploy.cli.targets import live, open_gate


def plan(target: Name, json: Json = False, specs: Specs = None, no_commands: NoCommands = False) -> None:
    """Print what would make the VM as the spec says. Exit 0: nothing to do; 2: steps, or drift; 1: error."""
    from pgdeploy.layers import layer_of

    with open_gate(target, live()) as gate:
        code = plan_steps(gate, layer_of("vm"), json=json)
    raise typer.Exit(code)
