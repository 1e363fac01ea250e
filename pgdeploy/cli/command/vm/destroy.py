"""`pgdeploy vm destroy`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pgdeploy.cli.command.vm.declared import deadline_of, declared_vm_of
from pgdeploy.cli.options import Name, NoCommands, Specs
from pgdeploy.cli.output import ERROR, note, say
from pgdeploy.cli.targets import load_one


def destroy(
    target: Name,
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="NAME", help="the VM's name, where there is no terminal to ask"),
    ] = None,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Destroy the VM and its disks, after its name is typed; never one that no spec made, or that is protected."""
    from pgdeploy.layers.vm import power

    declared = declared_vm_of(load_one(target))
    proxmox = declared.proxmox()
    machine = power.require_destroyable(declared, proxmox)
    state = "runs, and will be stopped" if machine.running else "is stopped"
    lost = power.lost_with(machine)
    say(f"VM {machine.id} ({machine.name}) on {machine.node} {state}. Lost with it: {lost}")
    if confirm is None:
        if not sys.stdin.isatty():
            say("pgdeploy: not a terminal; pass --confirm and the VM's name", err=True)
            raise typer.Exit(ERROR)
        confirm = typer.prompt("Type its name to destroy it", default="", show_default=False)
    if confirm != machine.name:
        say(f"pgdeploy: {confirm!r} is not its name; nothing is done", err=True)
        raise typer.Exit(ERROR)
    power.destroy(declared, machine, proxmox, deadline_of(declared), note)
    say(f"{declared.target}: VM {machine.id} is destroyed")
