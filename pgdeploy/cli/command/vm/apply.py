"""`pgdeploy vm apply`: make the VM as the spec says; as `pgdeploy apply --layer vm`."""

from __future__ import annotations

import typer

from pgdeploy.cli.options import AllowRestart, Name, NoCommands, Specs, SshConfig, Yes
from pgdeploy.cli.steps import apply_steps
from pgdeploy.cli.targets import live, open_gate


def apply(
    target: Name,
    yes: Yes = False,
    allow_restart: AllowRestart = False,
    ssh_config: SshConfig = None,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Make the VM as the spec says, and wait until ssh reaches it. Exit 0: it conforms; 2: drift remains; 1: error."""
    from pgdeploy.layers import layer_of

    with open_gate(target, live(ssh_config)) as gate:
        code = apply_steps(gate, layer_of("vm"), yes=yes, downtime=allow_restart)
    raise typer.Exit(code)
