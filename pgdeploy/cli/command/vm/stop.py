"""`pgdeploy vm stop`."""

from __future__ import annotations

from typing import Annotated

import typer

from pgdeploy.cli.command.vm.declared import deadline_of, declared_vm_of
from pgdeploy.cli.options import Name, NoCommands, Specs
from pgdeploy.cli.output import note, say
from pgdeploy.cli.targets import load_one


def stop(
    target: Name,
    force: Annotated[
        bool, typer.Option("--force", help="power it off at once; the server recovers at its start")
    ] = False,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Shut the VM down, and wait until it is."""
    from pgdeploy.layers.vm import power

    declared = declared_vm_of(load_one(target))
    power.stop(declared, declared.proxmox(), deadline_of(declared), note, force=force)
    say(f"{declared.target}: VM {declared.vm.id} is stopped")
