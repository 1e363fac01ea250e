"""`pgdeploy capture`: a spec from a running server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from pgdeploy.cli.options import BinDir, DataDir, Dsn, On, Specs, SshConfig, Timeout, Yes
from pgdeploy.cli.output import DIFFERENT, ERROR, OK, confirmed, note, say
from pgdeploy.reach.server import BUDGET

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target
    from pgdeploy.lifecycle.capture import Draft
    from pgdeploy.model.connect import ConnectSpec
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.writing import Remark, Written

    Head: TypeAlias = Mapping[str | Remark, Written]


_PROVED = "plans no change, and every check conforms"


def capture(
    name: Annotated[str, typer.Argument(help="what the target is to be called", show_default=False)],
    dsn: Dsn = None,
    ssh: Annotated[
        str | None,
        typer.Option("--ssh", metavar="[USER@]HOST", help="the server's host, asked on its own socket"),
    ] = None,
    container: Annotated[
        str | None,
        typer.Option(
            "--container", metavar="[ROLE@]NAME", help="a container of this machine's Docker engine"
        ),
    ] = None,
    project: Annotated[
        str | None,
        typer.Option(
            "--project", metavar="NAME", help="the containers of a compose project, and the server in one"
        ),
    ] = None,
    ssh_config: SshConfig = None,
    data_dir: DataDir = None,
    bin_dir: BinDir = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    stdout: Annotated[bool, typer.Option("--stdout", help="print the spec, and write no file")] = False,
    waive: Annotated[
        bool, typer.Option("--waive", help="add a waiver of 90 days for each advice of lint")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="write the spec even where it does not match the server")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="replace a spec of this name")] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="change the lines of this spec that drift, and no others"),
    ] = False,
    only: Annotated[
        str, typer.Option("--only", metavar="SECTIONS", help="only these sections, such as roles,grants")
    ] = "",
    yes: Yes = False,
) -> None:
    """Write the spec of an existing server, after proving that it plans no change and that no check is red.

    The server is read and not changed. Without --dsn, --ssh, --container, --project or --data-dir, the spec of this
    name says how to reach it. With --project the spec has the containers, too, and comments on what is wrong there.
    Exit 0: written; 2: the spec does not match the server and was not written (unless --anyway); 1: error.
    """
    if update and (waive or force):
        raise typer.BadParameter("--update cannot be combined with --waive or --force")
    sections = _sections(only)
    old = _loaded(name) if update else None
    file = _file(name) if old is None else old.file
    if not stdout and not force and not update:
        _require_new(file)
    if project is not None:
        server, head, more = _of_project(project, container)
    else:
        server, head = _reach(name, dsn, ssh, container, ssh_config, data_dir, bin_dir)
        more = {}
    server.budget = timeout
    try:
        made = (
            _made(name, server, head, file, sections, waive)
            if old is None
            else _updated(old, server, sections)
        )
    finally:
        server.close()
    made = replace(made, secrets={**more, **made.secrets})
    for line in made.unseen:
        note(f"could not be read: {line}")
    if stdout:
        say(*made.text.splitlines())
    if made.problems:
        kept = "" if anyway or stdout else " and was not written"
        say(f"{name}: the spec does not match the server{kept}:", *made.problems, err=True)
    if not stdout and (anyway or not made.problems) and (not update or _agreed(file, made, yes=yes)):
        _write(file, made, more=update)
    raise typer.Exit(DIFFERENT if made.problems else OK)


def _sections(only: str) -> frozenset[str]:
    """The words of --only."""
    from pgdeploy.lifecycle.update import SECTIONS
    from pgdeploy.spec.suggest import advise

    words = [word.strip() for word in only.split(",") if word.strip()]
    for word in words:
        if word not in SECTIONS:
            near = advise(word, SECTIONS) or f"; allowed: {', '.join(SECTIONS)}"
            raise typer.BadParameter(f"--only {word}: a spec has no such section{near}")
    return frozenset(words)


def _made(name: str, server: Server, head: Head, file: Path, sections: frozenset[str], waive: bool) -> Draft:
    from datetime import date

    from pgdeploy.lifecycle.capture import draft, proved, waived

    made = draft(server, head, _first_line(file.parent), sections)
    made = waived(made, name, date.today()) if waive else made  # noqa: DTZ011
    return proved(made, name, server, only=sections)


def _loaded(name: str) -> Target:
    from pgdeploy.cli.targets import load_one

    return load_one(name)


def _updated(old: Target, server: Server, sections: frozenset[str]) -> Draft:
    from pgdeploy.lifecycle.capture import proved, updated

    return proved(updated(old, server, sections), old.name, server, beside=old, only=sections)


def _agreed(file: Path, made: Draft, *, yes: bool) -> bool:
    """Shows what would change in the file, and asks."""
    from difflib import unified_diff

    before = file.read_text("utf-8")
    if before == made.text:
        say(f"{file}: up to date")
        return False
    after = f"{file} (updated)"
    say(*unified_diff(before.splitlines(), made.text.splitlines(), str(file), after, lineterm=""))
    if not yes and not confirmed("Write", "file", 1):
        raise typer.Exit(ERROR)
    return True


def _file(name: str) -> Path:
    """Where the spec is to stand."""
    from pgdeploy.errors import TargetError
    from pgdeploy.gate.target import specs_folder

    if Path(name).name != name or name.startswith(("_", ".")) or not name.isprintable():
        raise TargetError(f"{name}: a target's name is a file name without folder and .yaml")
    return specs_folder() / f"{name}.yaml"


def _require_new(file: Path) -> None:
    from pgdeploy.errors import TargetError

    if file.exists() or file.is_symlink():
        raise TargetError(f"{file} exists; pass --force to replace it, or --stdout to compare")


def _first_line(folder: Path) -> str:
    schema = "spec.schema.json"
    return f"# yaml-language-server: $schema={schema}\n" if (folder / schema).exists() else ""


def _reach(
    name: str,
    dsn: str | None,
    ssh: str | None,
    container: str | None,
    ssh_config: Path | None,
    data_dir: Path | None,
    bin_dir: Path | None,
) -> tuple[Server, Head]:
    """The server, and what the spec is to say of how it is reached."""
    given = [way for way in (dsn, ssh, container, data_dir) if way is not None]
    if len(given) > 1:
        raise typer.BadParameter("--dsn, --ssh, --container and --data-dir exclude each other")
    if dsn is not None:
        from pgdeploy.reach.dsn import DsnServer
        from pgdeploy.secret.conninfo import without_secrets

        return DsnServer(dsn), {"connect": {"dsn": without_secrets(dsn)}}
    if ssh is not None:
        return _by_ssh(ssh, ssh_config)
    if container is not None:
        return _in_container(container)
    if data_dir is not None:
        return _embedded(data_dir, bin_dir), {}
    return _as_its_spec_says(name, ssh_config)


def _by_ssh(where: str, ssh_config: Path | None) -> tuple[Server, Head]:
    from pgdeploy.gate.connect import USUAL_SOCKET
    from pgdeploy.model.connect import Ssh
    from pgdeploy.reach.ssh import SshServer, ssh_options

    user, _, host = where.rpartition("@")
    try:
        way = Ssh(host=host, user=user or None)
    except ValueError:
        raise typer.BadParameter(f"--ssh {where}: write HOST or USER@HOST") from None
    options = ssh_options(config=str(ssh_config)) if ssh_config is not None else ssh_options(**way.options)
    connect: dict[str, str] = {"host": host, **({"user": user} if user else {})}
    return SshServer(host, options, USUAL_SOCKET), {"connect": {"ssh": connect}}


def _in_container(where: str) -> tuple[Server, Head]:
    from pgdeploy.model.connect import InContainer
    from pgdeploy.reach.docker import DockerServer, Engine

    user, _, name = where.rpartition("@")
    try:
        way = InContainer(container=name, user=user or "postgres")
    except ValueError:
        raise typer.BadParameter(f"--container {where}: write NAME or ROLE@NAME") from None
    server = DockerServer(Engine(), name, way.user, way.port)
    return server, {"connect": {"docker": {"container": name, **({"user": user} if user else {})}}}


def _of_project(project: str, container: str | None) -> tuple[Server, Head, Mapping[str, str]]:
    """The server in a project of compose, its containers, and the secrets that they need."""
    from pgdeploy.errors import TargetError
    from pgdeploy.layers import LAYERS

    found = next(layer for layer in LAYERS if layer.takes_projects).take_project(project)
    for line in found.faults:
        note(line)
    names = {name: f"{user}@{name}" for name, user in found.servers.items()}
    if container is None and len(names) == 1:
        server, _ = _in_container(*names.values())
        return server, found.sections, found.secrets  # which is the one of the spec, however it is called
    if container is None:
        known = ", ".join(names.values()) or "it has none"
        raise TargetError(f"{project}: name a container of PostgreSQL by --container: {known}")
    server, head = _in_container(names.get(container, container))
    return server, {**head, **found.sections}, found.secrets


def _embedded(data_dir: Path, bin_dir: Path | None) -> Server:
    from pgdeploy.reach.embedded import major_of, start_embedded

    return start_embedded(major_of(data_dir), data_dir, bin_dir, make=False)


def _as_its_spec_says(name: str, ssh_config: Path | None) -> tuple[Server, Head]:
    from pgdeploy.cli.targets import load_one, way_of
    from pgdeploy.gate.gate import Gate

    target = load_one(name)
    gate = Gate(target, way_of(On.LIVE, None, ssh_config, None, None, BUDGET), probes=False, note=note)
    ways = {"connect": target.spec.connect or _inside(target), "docker": target.spec.docker}
    return gate.server, {
        key: way.model_dump(mode="json", exclude_unset=True) for key, way in ways.items() if way is not None
    }


def _inside(target: Target) -> ConnectSpec | None:
    """How a service is reached by a spec that has no services."""
    from pgdeploy.gate.target import server_inside
    from pgdeploy.model.connect import ConnectSpec

    found = server_inside(target.spec)
    return ConnectSpec(docker=found) if found is not None else None


def _write(file: Path, made: Draft, *, more: bool) -> None:
    """`more`: the secrets come to those that are listed already."""
    from pgdeploy.local.new_file import write_file

    file.parent.mkdir(parents=True, exist_ok=True)
    write_file(file, made.text)
    proof = "plans no change, and all that could be asked conforms" if made.unproved else _PROVED
    proof = "does not match the server" if made.problems else proof
    say(f"{file}: {len(made.text.splitlines())} lines, {proof}")
    if made.secrets:
        example = file.with_name(f"{file.stem}.env.example")
        known = example.read_text("utf-8") if more and example.exists() else ""
        write_file(example, known + made.example)
        say(
            f"{example}: the secrets that the spec needs; set them where pgdeploy runs (no value was captured)"
        )
    for check, reason in made.unproved.items():
        say(f"not proved: {check}: {reason}")
    if not made.problems:
        say(f"probes were not run; `pgdeploy check {file.stem}` does: they try whether each privilege works")
