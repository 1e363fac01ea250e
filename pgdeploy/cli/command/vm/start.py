"""`pgdeploy vm start`."""

from __future__ import annotations

from pgdeploy.cli.command.vm.declared import deadline_of, declared_vm_of
from pgdeploy.cli.options import Name, NoCommands, Specs, SshConfig
from pgdeploy.cli.output import note, say
from pgdeploy.cli.targets import live, open_gate


def start(
    target: Name, ssh_config: SshConfig = None, specs: Specs = None, no_commands: NoCommands = False
) -> None:
    """Start the VM, and wait until ssh reaches it."""
    from pgdeploy.layers.vm import power
    from pgdeploy.layers.vm.arrive import arrive

    with open_gate(target, live(ssh_config)) as gate:
        declared = declared_vm_of(gate.target)
        proxmox, deadline = declared.proxmox(), deadline_of(declared)
        power.start(declared, proxmox, deadline, note)
        arrive(declared, proxmox, gate.ssh, deadline, note)
    say(f"{declared.target}: VM {declared.vm.id} runs")
