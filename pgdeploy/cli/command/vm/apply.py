"""`pgdeploy vm apply`: make the VM as the spec says."""

from __future__ import annotations

import typer

from pgdeploy.cli.command.vm.make import deadline_of, declared_vm_of, make, ssh_config_of
from pgdeploy.cli.options import AllowRestart, Name, NoCommands, Specs, SshConfig, Yes
from pgdeploy.cli.output import ERROR, confirmed, note, say
from pgdeploy.cli.targets import load_one


def apply(
    target: Name,
    yes: Yes = False,
    allow_restart: AllowRestart = False,
    ssh_config: SshConfig = None,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Make the VM as the spec says, and wait until ssh reaches it. Exit 0: it conforms; 2: drift remains; 1: error."""
    from pgdeploy.layers.vm import render
    from pgdeploy.layers.vm.apply import when_unlocked
    from pgdeploy.layers.vm.plan import plan_vm

    found = load_one(target)
    declared = declared_vm_of(found)
    planned = plan_vm(declared, when_unlocked(declared, declared.proxmox(), deadline_of(declared), note))
    say(*render.lines(declared, planned))
    steps = planned.allowed(restart=allow_restart)
    if steps and not yes and not confirmed("Take", "step", len(steps)):
        raise typer.Exit(ERROR)
    raise typer.Exit(make(found, ssh_config_of(ssh_config), allow_restart=allow_restart, approved=planned))
