"""`pgdeploy vm`: plan, apply, start, stop and destroy the virtual machine of a target."""

from __future__ import annotations

import typer

from pgdeploy.cli.command.vm.apply import apply
from pgdeploy.cli.command.vm.destroy import destroy
from pgdeploy.cli.command.vm.plan import plan
from pgdeploy.cli.command.vm.start import start
from pgdeploy.cli.command.vm.stop import stop

app = typer.Typer(
    help="The virtual machine of a target, in Proxmox VE.", no_args_is_help=True, rich_markup_mode=None
)
for command in (plan, apply, start, stop, destroy):
    app.command()(command)
