"""`pgdeploy check`: the gate without pytest."""

from __future__ import annotations

from typing import Annotated

import typer

from pgdeploy.cli.findings import print_findings, worse
from pgdeploy.cli.options import (
    AskedLayer,
    BinDir,
    DataDir,
    Dsn,
    Json,
    Names,
    NoCommands,
    On,
    OnOption,
    Specs,
    SshConfig,
    Timeout,
)
from pgdeploy.cli.output import ERROR, OK, print_json, say
from pgdeploy.cli.steps import require_declared
from pgdeploy.cli.targets import load, open_gate, way_of
from pgdeploy.reach.server import BUDGET


def check(
    targets: Names,
    layer: AskedLayer = None,
    on: OnOption = On.LIVE,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    data_dir: DataDir = None,
    bin_dir: BinDir = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
    no_probes: Annotated[bool, typer.Option("--no-probes", help="the catalogue only")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="print what conforms, too")] = False,
    json: Json = False,
) -> None:
    """The gate without pytest: the same checks, the same ids. Exit 0: conforms; 2: drift; 1: error."""
    from pgdeploy.errors import PgdeployError
    from pgdeploy.layers import layer_of
    from pgdeploy.report import findings as report

    code, found = OK, []
    loaded = load(targets)
    for target in loaded:
        try:
            with open_gate(
                target, way_of(on, dsn, ssh_config, data_dir, bin_dir, timeout), probes=not no_probes
            ) as gate:
                if layer is not None:
                    require_declared(target, layer_of(layer))
                    gate.ask_layer(layer)
                findings = gate.ask()
                code = worse(code, report.counts(findings))
                if json:
                    found.append(report.report(gate, findings))
                else:
                    print_findings(gate, findings, verbose=verbose)
        except PgdeployError as error:
            if len(loaded) == 1:
                raise
            # one that is down says nothing of the others
            code = ERROR
            say(f"{target.name}: {error.lines[0]}", *error.lines[1:], err=True)
            found.append({"target": target.name, "error": str(error)})
    if json:
        print_json({"schema": report.SCHEMA, "targets": found})
    raise typer.Exit(code)
