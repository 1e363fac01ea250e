"""`pgdeploy vm plan`: what would make the VM as the spec says."""

from __future__ import annotations

import typer

from pgdeploy.cli.command.vm.make import declared_vm_of
from pgdeploy.cli.options import Json, Name, NoCommands, Specs
from pgdeploy.cli.output import DIFFERENT, OK, print_json, say
from pgdeploy.cli.targets import load_one


def plan(target: Name, json: Json = False, specs: Specs = None, no_commands: NoCommands = False) -> None:
    """Print what would make the VM as the spec says. Exit 0: nothing to do; 2: steps, or drift; 1: error."""
    from pgdeploy.layers.vm import render
    from pgdeploy.layers.vm.fact import read_vm
    from pgdeploy.layers.vm.plan import plan_vm

    declared = declared_vm_of(load_one(target))
    planned = plan_vm(declared, read_vm(declared.proxmox(), declared.vm))
    if json:
        print_json(render.as_data(declared, planned))
    else:
        say(*render.lines(declared, planned))
    raise typer.Exit(DIFFERENT if planned.steps or planned.stuck else OK)
