"""`pgdeploy up`: from the VM to the green gate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from pgdeploy.cli.findings import print_findings, worse
from pgdeploy.cli.options import AllowRestart, Name, NoCommands, On, Specs, SshConfig, Timeout, UpOn
from pgdeploy.cli.output import OK, note, say
from pgdeploy.cli.steps import make
from pgdeploy.cli.targets import open_gate, way_of
from pgdeploy.reach.server import BUDGET

if TYPE_CHECKING:
    from pgdeploy.core.layer import Layer
    from pgdeploy.gate.gate import Gate


def up(
    target: Name,
    on: Annotated[UpOn, typer.Option("--on", help="the host that is deployed")] = UpOn.LIVE,
    ssh_config: SshConfig = None,
    timeout: Timeout = BUDGET,
    allow_restart: AllowRestart = False,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Make the VM, deploy host and SQL with pyinfra, ask the gate. Exit 0: all conforms; 2: drift; 1: where it failed.

    A spec without `vm:` has a host that is there already.
    """
    from pgdeploy.gate.deploy import deploy
    from pgdeploy.layers import LAYERS
    from pgdeploy.report import findings as report

    with open_gate(target, way_of(On(on), None, ssh_config, None, None, timeout), probes=True) as gate:
        live = on is UpOn.LIVE
        planning = [layer for layer in LAYERS if live and layer.plans and layer.declared_in(gate.target.spec)]
        for layer in planning:
            if not layer.in_server:
                _make(gate, layer, downtime=allow_restart)
        with _step(gate.target.name, "deploy"):
            if live and gate.target.spec.host is None and gate.target.server_is_inside:
                _sql_state(gate)
            elif live:
                deploy(gate.target, ssh_config, note)
            gate.server  # noqa: B018 - starting a container deploys it
        for layer in planning:
            if layer.in_server:
                _make(gate, layer, downtime=allow_restart)
                with _step(gate.target.name, "SQL state"):
                    _sql_state(gate)  # it may have made what is granted on
        with _step(gate.target.name, "gate"):
            findings = gate.ask()
        print_findings(gate, findings)
    raise typer.Exit(worse(OK, report.counts(findings)))


def _sql_state(gate: Gate) -> None:
    """What loses something waits for a word."""
    from pgdeploy.report.plan import permitted

    gate.apply(permitted(gate.plan(), destructive=False, unreadable=False))
    gate.read()


def _make(gate: Gate, layer: Layer, *, downtime: bool) -> None:
    with _step(gate.target.name, layer.name):
        code = make(gate, layer, downtime=downtime)
    if code != OK:
        say(f"{gate.target.name}: stopped at: {layer.name}", err=True)
        raise typer.Exit(code)


@contextmanager
def _step(name: str, step: str) -> Iterator[None]:
    """Where it stops, it says so before the reason."""
    from pgdeploy.errors import PgdeployError

    try:
        yield
    except PgdeployError:
        say(f"{name}: stopped at: {step}", err=True)
        raise
