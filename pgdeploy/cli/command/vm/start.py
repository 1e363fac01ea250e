"""`pgdeploy vm start`."""

from __future__ import annotations

from pgdeploy.cli.command.vm.declared import deadline_of, declared_vm_of, ssh_config_of
from pgdeploy.cli.options import Name, NoCommands, Specs, SshConfig
from pgdeploy.cli.output import note, say
from pgdeploy.cli.targets import load_one


def start(
    target: Name, ssh_config: SshConfig = None, specs: Specs = None, no_commands: NoCommands = False
) -> None:
    """Start the VM, and wait until ssh reaches it."""
    from pgdeploy.gate.connect import ssh_way
    from pgdeploy.layers.vm import power
    from pgdeploy.layers.vm.arrive import arrive

    found = load_one(target)
    declared = declared_vm_of(found)
    proxmox, deadline = declared.proxmox(), deadline_of(declared)
    power.start(declared, proxmox, deadline, note)
    arrive(declared, proxmox, ssh_way(found, ssh_config_of(ssh_config)), deadline, note)
    say(f"{found.name}: VM {declared.vm.id} runs")
