"""The command line: lint, plan, apply, check, up, schema. Heavy imports wait until a command needs them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pgdeploy import __version__
from pgdeploy.cli import vm
from pgdeploy.cli.shared import (
    DIFFERENT,
    ERROR,
    OK,
    Json,
    Name,
    Names,
    NoCommands,
    Specs,
    SshConfig,
    Yes,
    confirmed,
    load,
    load_one,
    note,
    print_json,
    say,
)
from pgdeploy.reach.server import BUDGET, seconds

if TYPE_CHECKING:
    from pgdeploy.core.check import Finding
    from pgdeploy.gate.gate import Gate, Way
    from pgdeploy.gate.target import Target
    from pgdeploy.layers.server.plan import Plan

UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""Of the library under typer, which newer versions carry inside."""

app = typer.Typer(
    help="One spec says what a PostgreSQL server must be; pgdeploy makes the database so and proves it.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},  # of the subcommands, too
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help is plain text: rich alone would take longer to import than all the rest
)


app.add_typer(vm.app, name="vm")


INTERRUPTED = 130
"""What typer makes of KeyboardInterrupt."""


class On(StrEnum):
    LIVE = "live"
    EMBEDDED = "embedded"
    CONTAINER = "container"


class UpOn(StrEnum):
    """Where there is a host to deploy."""

    LIVE = "live"
    CONTAINER = "container"


def _seconds(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


OnOption = Annotated[On, typer.Option("--on", help="where the spec is realised")]
Dsn = Annotated[
    str | None, typer.Option("--dsn", help="libpq connection string instead of the spec's connect:")
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", parser=_seconds, help="how long one read or probe may take"),
]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="with --on embedded: keep the cluster here")]
BinDir = Annotated[
    Path | None, typer.Option("--bin-dir", help="with --on embedded: the programs of another PostgreSQL")
]


def main() -> None:
    """The entry point `pgdeploy`: every error that we raise is one message and exit code 1."""
    from pgdeploy.local.signals import Ending
    from pgdeploy.reach.libpq import take_environment
    from pgdeploy.text.one_line import defect

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name that the terminal's encoding lacks ends nothing
            stream.reconfigure(errors="backslashreplace")
    ending = Ending().install()
    take_environment()
    try:
        _run()
    except (KeyboardInterrupt, typer.Abort):
        _say_ended(ending.name)
        sys.exit(128 + ending.number)
    except Exception as error:  # noqa: BLE001 - Python's own traceback would print what others say as it is
        say(*defect(error), err=True)
    sys.exit(ERROR)


def _run() -> None:
    """Returns after an error, and does not otherwise."""
    from pgdeploy.errors import PgdeployError, SpecError

    try:
        if (code := app(standalone_mode=False)) != INTERRUPTED:
            sys.exit(code)
        raise KeyboardInterrupt
    except SpecError as error:
        # places first, as editors read them
        say(*error.lines, err=True)
    except PgdeployError as error:
        say(f"pgdeploy: {error.lines[0]}", *error.lines[1:], err=True)
    except OSError as error:
        # a full disk, a folder that is not ours to write to
        place = f"{error.filename}: " if error.filename else ""
        say(f"pgdeploy: {place}{error.strerror or error}", err=True)
    except UsageError as error:
        # click's own 2 would say: there are changes
        if error.format_message().startswith("Usage:"):
            error.show()  # no argument at all: the help
        else:
            say(*_misspelt(error), err=True)


def _misspelt(error: Any) -> tuple[str, str]:
    """What is wrong with the command line, and whose help to read."""
    said = error.format_message()
    for theirs, ours in _WORDING:
        said = re.sub(theirs, ours, said)
    command = error.ctx.command_path if error.ctx is not None else "pgdeploy"
    return f"pgdeploy: {said}", f"{command} --help says what is allowed"


_WORDING = (
    (r"^Invalid value: ", ""),
    (r"^Invalid value for '?(-[\w-]+)[^:]*: ", r"\1: "),
    (r"\bValue error, ", ""),
    (
        r"^Got unexpected extra argument(?:s|\(s\))? \((.*)\)$",
        r"nothing may stand behind the target, and here stands: \1",
    ),
    (r"^Missing argument '?(\w+)'?\.?$", r"Missing argument: \1"),
)
"""The wording of the library under typer, and ours."""


def _say_ended(how: str) -> None:
    # a terminal that closed reads nothing any more
    with suppress(OSError):
        say(f"pgdeploy: {how}", err=True)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"pgdeploy {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print it")
    ] = False,
) -> None:
    pass


# -- lint ----------------------------------------------------------------------------------------------


@app.command()
def lint(
    targets: Annotated[list[str] | None, typer.Argument(help="targets: names, globs or paths")] = None,
    explain: Annotated[str | None, typer.Option("--explain", metavar="ID", help="what a rule means")] = None,
    specs: Specs = None,
    no_commands: NoCommands = False,
    json: Json = False,
) -> None:
    """Advice from the spec alone, offline. Exit 0: none, or only notes; 2: advice; 1: a spec does not load."""
    from pgdeploy import lint as linter

    if explain is not None:
        say(*linter.explain(explain).split("\n"))
        return
    if not targets:
        raise typer.BadParameter("name a target, or a rule with --explain")
    from datetime import date

    code, found = OK, []
    for target in load(targets, confined=True):
        advices = linter.lint(target.spec, date.today(), target.loaded.place)  # noqa: DTZ011
        code = max(code, linter.exit_code(advices))
        for advice in advices:
            place = target.loaded.place(advice.keys)
            found.append({"target": target.name, "place": str(place), **advice.as_data()})
            if not json:
                say(f"{place}: {advice.text}")
    if json:
        print_json(found)
    elif not found:
        say("no advice")
    raise typer.Exit(code)


# -- plan and apply ------------------------------------------------------------------------------------


@app.command()
def plan(
    target: Name,
    on: OnOption = On.LIVE,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    data_dir: DataDir = None,
    bin_dir: BinDir = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
    json: Json = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="save the plan, to bind `apply --plan` to it")
    ] = None,
) -> None:
    """Print the SQL that brings the server to the spec. Exit 0: nothing to do; 2: changes; 1: error."""
    from pgdeploy.local.new_file import write_file
    from pgdeploy.report import plan as render_plan
    from pgdeploy.report import saved_plan
    from pgdeploy.text.one_line import json_text

    if out is not None:
        _require_writable("--out", out)
    with _gate(target, _way(on, dsn, ssh_config, data_dir, bin_dir, timeout, new_cluster=True)) as gate:
        planned = gate.plan()
        data = saved_plan.as_data(planned, gate)
        if out is not None:
            write_file(out, json_text(data))
        if json:
            print_json(data)
        else:
            say(*render_plan.lines(planned, gate))
    if planned.unreadable:
        raise typer.Exit(ERROR)
    raise typer.Exit(DIFFERENT if planned.changes or planned.stuck else OK)


@app.command()
def apply(
    target: Name,
    on: OnOption = On.LIVE,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    data_dir: DataDir = None,
    bin_dir: BinDir = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
    yes: Yes = False,
    saved: Annotated[
        Path | None, typer.Option("--plan", help="do exactly this saved plan, or refuse")
    ] = None,
    allow_destructive: Annotated[
        bool, typer.Option("--allow-destructive", help="also make changes that lose something")
    ] = False,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="go on without what could not be read")
    ] = False,
    lock_timeout: Annotated[
        str, typer.Option("--lock-timeout", help="how long to wait for others' locks")
    ] = "10s",
    no_gate: Annotated[
        bool, typer.Option("--no-gate", help="leave probes, host and VM to a check that comes later")
    ] = False,
) -> None:
    """Bring the server to the spec, then prove it. Exit 0: it conforms; 2: some drift stays; 1: error.

    What it proves is what `pgdeploy check` proves, probes too.
    """
    from pgdeploy.report import plan as render_plan
    from pgdeploy.report import saved_plan

    _require_duration("--lock-timeout", lock_timeout)
    approved = None if saved is None else saved_plan.load(saved)
    way = _way(on, dsn, ssh_config, data_dir, bin_dir, timeout, new_cluster=True)
    with _gate(target, way, probes=True) as gate:
        planned = gate.plan()
        if approved is not None:
            approved.require_same(planned, gate, destructive=allow_destructive)
        planned = render_plan.permitted(planned, destructive=allow_destructive, unreadable=skip_unreadable)
        if approved is None:
            say(*render_plan.lines(planned, gate))
        if planned.changes:
            if not yes and not confirmed("Make", "change", len(planned.changes)):
                raise typer.Exit(ERROR)
            approve = partial(_approve_rest, gate, yes=yes)
            planned = gate.apply(planned, lock_timeout, approve)
        code = _prove(gate, planned, whole=not no_gate)
    raise typer.Exit(code)


def _approve_rest(gate: Gate, rest: Plan, *, yes: bool) -> bool:
    """Show what was planned when the extensions were there, and ask again where the first part was asked."""
    from pgdeploy.report import plan as render_plan

    say("", *render_plan.lines(rest, gate))
    return yes or confirmed("Make", "more change", len(rest.changes))


def _prove(gate: Gate, planned: Plan, *, whole: bool) -> int:
    """Read again and say what became of the causes, and of all that no change could remove; then ask the gate.

    Not `whole`, only what a plan can compare is asked, and what is not is named.
    """
    from pgdeploy.report import findings as report
    from pgdeploy.report import plan as render_plan

    after = gate.plan()
    say(*render_plan.outcome(planned, after))
    code = DIFFERENT if after.changes or after.stuck else OK
    if after.changes and planned.changes:
        code = ERROR
    if not whole:
        say(*_unasked(gate))
        return code
    findings = gate.ask()
    _print_findings(gate, findings)
    return _worse(code, report.counts(findings))


def _unasked(gate: Gate) -> list[str]:
    from pgdeploy.layers import LAYERS, SERVER

    target = gate.target
    kinds = {"probes": target.probes}
    others = [layer for layer in LAYERS if layer is not SERVER]
    kinds |= {f"checks of {layer.title}": target.checks_of(layer.name) for layer in others}
    left = [f"{kind}: {len(checks)}" for kind, checks in kinds.items() if checks]
    return [f"not asked, `pgdeploy check` asks them: {', '.join(left)}"] if left else []


# -- check ---------------------------------------------------------------------------------------------


@app.command()
def check(
    targets: Names,
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
    from pgdeploy.report import findings as report

    code, found = OK, []
    loaded = load(targets)
    for target in loaded:
        try:
            with _gate(
                target, _way(on, dsn, ssh_config, data_dir, bin_dir, timeout), probes=not no_probes
            ) as gate:
                findings = gate.ask()
                code = _worse(code, report.counts(findings))
                if json:
                    found.append(report.report(gate, findings))
                else:
                    _print_findings(gate, findings, verbose=verbose)
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


def _print_findings(gate: Gate, findings: list[Finding], *, verbose: bool = False) -> None:
    from pgdeploy.report import findings as report
    from pgdeploy.text.naming import examples
    from pgdeploy.text.one_line import one_line

    for finding in findings:
        if verbose or finding.verdict in ("drifts", "unreadable"):
            say(*report.lines(finding, gate))
        elif finding.verdict == "waived":
            say(f"waived, {report.waived(report.as_data(finding, gate))}")
        elif finding.note:
            say(f"{finding.check.id}: {one_line(finding.note)}")
    for reason, ids in report.skipped(findings).items():
        say(f"skipped, {one_line(reason)}: {examples(ids)}")
    say(report.summary(gate.target.name, report.where(gate), report.counts(findings)))


def _worse(code: int, numbers: dict[str, int]) -> int:
    """The exit code so far, or what these numbers make of it: an error weighs more than drift."""
    if numbers["unreadable"] or code == ERROR:
        return ERROR
    return DIFFERENT if numbers["drifts"] or numbers["blocked"] else code


# -- up ------------------------------------------------------------------------------------------------


@app.command()
def up(
    target: Name,
    on: Annotated[UpOn, typer.Option("--on", help="the host that is deployed")] = UpOn.LIVE,
    ssh_config: SshConfig = None,
    timeout: Timeout = BUDGET,
    allow_restart: vm.AllowRestart = False,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Make the VM, deploy host and SQL with pyinfra, ask the gate. Exit 0: all conforms; 2: drift; 1: where it failed.

    A spec without `vm:` has a host that is there already.
    """
    from pgdeploy.gate.deploy import deploy
    from pgdeploy.layers.vm.declared import declared_vm
    from pgdeploy.report import findings as report

    with _gate(target, _way(On(on), None, ssh_config, None, None, timeout), probes=True) as gate:
        if on is UpOn.LIVE and declared_vm(gate.target.declared) is not None:
            with _step(gate.target.name, "vm"):
                code = vm.make(gate.target, gate.way.ssh_config, allow_restart=allow_restart)
                if code != OK:
                    say(f"{gate.target.name}: stopped at: vm", err=True)
                    raise typer.Exit(code)
        with _step(gate.target.name, "deploy"):
            if on is UpOn.LIVE:
                deploy(gate.target, ssh_config, note)
            gate.server  # noqa: B018 - starting a container deploys it
        with _step(gate.target.name, "gate"):
            findings = gate.ask()
        _print_findings(gate, findings)
    raise typer.Exit(_worse(OK, report.counts(findings)))


@contextmanager
def _step(name: str, step: str) -> Iterator[None]:
    """Where it stops, it says so before the reason."""
    from pgdeploy.errors import PgdeployError

    try:
        yield
    except PgdeployError:
        say(f"{name}: stopped at: {step}", err=True)
        raise


# -- schema --------------------------------------------------------------------------------------------


@app.command()
def schema() -> None:
    """Print the JSON Schema of specs, for editors that complete and check."""
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.schema import json_schema

    print_json(json_schema(Spec))


# -- shared --------------------------------------------------------------------------------------------


def _way(
    on: On,
    dsn: str | None,
    ssh_config: Path | None,
    data_dir: Path | None,
    bin_dir: Path | None,
    timeout: float,
    *,
    new_cluster: bool = False,
) -> Way:
    from pgdeploy.gate.gate import Way
    from pgdeploy.gate.target import ssh_config_of_environment

    for option, folder in (("--data-dir", data_dir), ("--bin-dir", bin_dir)):
        if folder is not None and on is not On.EMBEDDED:
            raise typer.BadParameter(f"{option} goes with --on embedded")
    if on is not On.LIVE and (dsn is not None or ssh_config is not None):
        raise typer.BadParameter("--dsn and --ssh-config go with --on live")
    if on is On.LIVE and dsn is None and ssh_config is None:
        ssh_config = ssh_config_of_environment()
    return Way(str(on), dsn, ssh_config, data_dir, timeout, new_cluster, bin_dir)


def _require_writable(option: str, file: Path) -> None:
    """Before a server is asked."""
    from pgdeploy.errors import PgdeployError
    from pgdeploy.local.new_file import require_writable

    try:
        require_writable(file)
    except OSError as error:
        raise PgdeployError(f"{option} {file}: {error.strerror}") from None


def _require_duration(option: str, text: str) -> None:
    from pgdeploy.postgres.parameter import MAJORS, parameters
    from pgdeploy.postgres.values import ValueProblem, canonical

    try:
        canonical(text, parameters(MAJORS[-1])["lock_timeout"])
    except ValueProblem as error:
        raise typer.BadParameter(f"{option}: {error}") from None


@contextmanager
def _gate(target: str | Target, way: Way, *, probes: bool = False) -> Iterator[Gate]:
    from pgdeploy.gate.gate import Gate

    if isinstance(target, str):
        target = load_one(target)
    gate = Gate(target, way, probes=probes, note=note)
    try:
        yield gate
    finally:
        gate.close()
