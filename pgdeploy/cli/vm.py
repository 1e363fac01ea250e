"""`pgdeploy vm`: plan, apply, start, stop and destroy the virtual machine of a target."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgdeploy.cli.shared import (
    DIFFERENT,
    ERROR,
    OK,
    Json,
    Name,
    NoCommands,
    Specs,
    SshConfig,
    Yes,
    confirmed,
    load_one,
    note,
    print_json,
    say,
)

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target
    from pgdeploy.layers.vm.deadline import Deadline
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.layers.vm.step import VmPlan

app = typer.Typer(
    help="The virtual machine of a target, in Proxmox VE.", no_args_is_help=True, rich_markup_mode=None
)

AllowRestart = Annotated[bool, typer.Option("--allow-restart", help="restart the VM where a change needs it")]


@app.command()
def plan(target: Name, json: Json = False, specs: Specs = None, no_commands: NoCommands = False) -> None:
    """Print what would make the VM as the spec says. Exit 0: nothing to do; 2: steps, or drift; 1: error."""
    from pgdeploy.layers.vm import render
    from pgdeploy.layers.vm.fact import read_vm
    from pgdeploy.layers.vm.plan import plan_vm

    declared = _declared(load_one(target))
    planned = plan_vm(declared, read_vm(declared.proxmox(), declared.vm))
    if json:
        print_json(render.as_data(declared, planned))
    else:
        say(*render.lines(declared, planned))
    raise typer.Exit(DIFFERENT if planned.steps or planned.stuck else OK)


@app.command()
def apply(
    target: Name,
    yes: Yes = False,
    allow_restart: AllowRestart = False,
    ssh_config: SshConfig = None,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Make the VM as the spec says, and wait until ssh reaches it. Exit 0: it is so; 2: some drift stays; 1: error."""
    from pgdeploy.layers.vm import render
    from pgdeploy.layers.vm.apply import when_unlocked
    from pgdeploy.layers.vm.plan import plan_vm

    found = load_one(target)
    declared = _declared(found)
    planned = plan_vm(declared, when_unlocked(declared, declared.proxmox(), _deadline(declared), note))
    say(*render.lines(declared, planned))
    steps = planned.allowed(restart=allow_restart)
    if steps and not yes and not confirmed("Take", "step", len(steps)):
        raise typer.Exit(ERROR)
    raise typer.Exit(make(found, _given(ssh_config), allow_restart=allow_restart, approved=planned))


def make(
    target: Target, ssh_config: Path | None, *, allow_restart: bool, approved: VmPlan | None = None
) -> int:
    """Make the VM of a target, and say what is left; the exit code.

    Raises:
        TargetError: the spec has no VM, or it cannot be made, or not be reached.
    """
    from pgdeploy.gate.connect import ssh_way
    from pgdeploy.layers.vm.apply import apply_vm
    from pgdeploy.layers.vm.arrive import arrive

    declared = _declared(target)
    proxmox, deadline = declared.proxmox(), _deadline(declared)
    left = apply_vm(declared, proxmox, deadline, allow_restart=allow_restart, note=note, approved=approved)
    for difference in left.stuck:
        say(f"drift stays: {difference}", f"  {difference.remedy}")
    for option in left.pending:
        say(f"pending until a restart: {option}")
    if left.pending:
        say("a restart brings it into effect: --allow-restart")
        return DIFFERENT
    arrive(declared, proxmox, ssh_way(target, ssh_config), deadline, note)
    vm = declared.vm
    say(
        f"{target.name}: VM {vm.id} ({vm.name}) runs on {vm.node} and is reached at {vm.network.interface.ip}"
    )
    return DIFFERENT if left.stuck else OK


@app.command()
def start(
    target: Name, ssh_config: SshConfig = None, specs: Specs = None, no_commands: NoCommands = False
) -> None:
    """Start the VM, and wait until ssh reaches it."""
    from pgdeploy.gate.connect import ssh_way
    from pgdeploy.layers.vm import power
    from pgdeploy.layers.vm.arrive import arrive

    found = load_one(target)
    declared = _declared(found)
    proxmox, deadline = declared.proxmox(), _deadline(declared)
    power.start(declared, proxmox, deadline, note)
    arrive(declared, proxmox, ssh_way(found, _given(ssh_config)), deadline, note)
    say(f"{found.name}: VM {declared.vm.id} runs")


@app.command()
def stop(
    target: Name,
    force: Annotated[
        bool, typer.Option("--force", help="pull the plug; the server recovers at its start")
    ] = False,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Shut the VM down, and wait until it is."""
    from pgdeploy.layers.vm import power

    declared = _declared(load_one(target))
    power.stop(declared, declared.proxmox(), _deadline(declared), note, force=force)
    say(f"{declared.target}: VM {declared.vm.id} is stopped")


@app.command()
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

    declared = _declared(load_one(target))
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
    power.destroy(declared, machine, proxmox, _deadline(declared), note)
    say(f"{declared.target}: VM {machine.id} is destroyed")


def _declared(target: Target) -> DeclaredVm:
    """Raises TargetError when the spec has no VM, SpecError when `--no-commands` refuses it."""
    from pgdeploy.errors import TargetError
    from pgdeploy.gate.confine import confine
    from pgdeploy.layers.vm.declared import declared_vm

    confine(target, "live")
    found = declared_vm(target.declared)
    if found is None:
        raise TargetError(f"{target.file}: there is no VM: write `vm:`")
    return found


def _given(ssh_config: Path | None) -> Path | None:
    from pgdeploy.gate.target import ssh_config_of_environment

    return ssh_config or ssh_config_of_environment()


def _deadline(declared: DeclaredVm) -> Deadline:
    from pgdeploy.layers.vm.deadline import Deadline

    return Deadline(declared.vm.within, note)
