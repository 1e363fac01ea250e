"""A target: a named server, its spec and how to reach it. The inventory is the folder of all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.errors import SpecError, TargetError
from pgdeploy.gate.spec_file import load_spec
from pgdeploy.layers.server import ident
from pgdeploy.layers.server.acl import SYSTEM
from pgdeploy.layers.server.kinds import QUERIES, resources
from pgdeploy.layers.server.shut import with_shut
from pgdeploy.local.trust import no_commands
from pgdeploy.model.spec import Spec
from pgdeploy.spec.extends import is_inside
from pgdeploy.spec.source import exists, is_file

if TYPE_CHECKING:
    from pgdeploy.core.check import Check, Resource
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.loader import Loaded
    from pgdeploy.spec.place import Place

SPECS = "PGDEPLOY_SPECS"
"""Environment variable that names the folder of specs; default `specs`."""

SPECS_ROOT = "PGDEPLOY_SPECS_ROOT"
"""Environment variable that names the folder in which specs may extend files; default the folder of specs."""

SSH_CONFIG = "PGDEPLOY_SSH_CONFIG"
"""Environment variable that names an ssh_config file: how to reach the hosts, instead of what their specs say."""


@dataclass(frozen=True)
class Target:
    """One spec file and what follows from it offline."""

    file: Path
    loaded: Loaded[Spec]

    def __repr__(self) -> str:
        return f"<Target {self.name} of {self.file}>"

    @property
    def name(self) -> str:
        return self.loaded.name

    @property
    def spec(self) -> Spec:
        return self.loaded.value

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        return resources(self.spec)

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """Every check of the catalogue; probes are asked apart."""
        return tuple(check for resource in self.resources for check in resource.checks())

    @cached_property
    def host_checks(self) -> tuple[Check, ...]:
        """Every check of the host; none when the spec has no `host:`."""
        declared = self.declared_host
        if declared is None:
            return ()
        from pgdeploy.layers.host.kinds import host_resources

        return tuple(check for resource in host_resources(declared) for check in resource.checks())

    @cached_property
    def vm_checks(self) -> tuple[Check, ...]:
        """Every check of the VM; none when the spec has no `vm:`."""
        declared = self.declared_vm
        if declared is None:
            return ()
        from pgdeploy.layers.vm.kinds import vm_resources

        return tuple(check for resource in vm_resources(declared) for check in resource.checks())

    @property
    def declared_vm(self) -> DeclaredVm | None:
        """What the spec says of the VM."""
        if self.spec.vm is None:
            return None
        from pgdeploy.layers.vm.declared import DeclaredVm

        return DeclaredVm(self.name, self.spec.vm)

    @property
    def declared_host(self) -> DeclaredHost | None:
        """What the spec says of the host."""
        if self.spec.host is None:
            return None
        from pgdeploy.layers.host.declared import DeclaredHost

        return DeclaredHost(self.name, self.spec, self.loaded.digest)

    @cached_property
    def probes(self) -> tuple[Check, ...]:
        """Every check of behaviour."""
        from pgdeploy.layers.server.probes.kinds import probes

        return tuple(check for resource in probes(self.spec) for check in resource.checks())

    def place(self, check: Check) -> Place:
        """Where the spec says it."""
        return self.loaded.place(check.keys)

    def read(self, server: Server) -> Facts:
        """All facts that the checks rest on.

        Raises:
            TargetError: the server cannot be reached.
        """
        from pgdeploy.core.facts import Scope, read
        from pgdeploy.layers.host.question import looking_at
        from pgdeploy.layers.server import library, row_security
        from pgdeploy.layers.vm.fact import looking_at_vm

        present = [role for role, body in self.spec.roles.items() if body.state == "present"]
        databases, (named, whole) = list(self.spec.databases), self._asked_of_the_system()
        libraries = library.in_spec(self.spec)
        tables = row_security.tables_of(self.spec)
        scope = Scope(databases, present, named, whole, self._extensions(), libraries, tables)
        host, vm = self.declared_host, self.declared_vm
        # a server without pg_ident.conf runs, and a login may be one that must not read it
        asked = [query for query in QUERIES if query not in ident.QUERIES or self.spec.ident is not None]
        facts = read(
            server, asked, scope, looking_at(host) if host else None, looking_at_vm(vm) if vm else None
        )
        return with_shut(self.resources, facts)

    def _extensions(self) -> list[tuple[str, str | None]]:
        """Extensions and their versions, each once."""
        bodies = self.spec.databases.values()
        return list(
            dict.fromkeys(
                (extension, one.version) for body in bodies for extension, one in body.extensions.items()
            )
        )

    def _asked_of_the_system(self) -> tuple[list[str], list[str]]:
        """Names that the spec has for objects of the system's schemas, and the kinds there of which it says `all`."""
        bodies = self.spec.databases.values()
        objects = [line.on for body in bodies for line in body.grants]
        objects += [line.on for body in bodies for line in body.ownership]
        there = [on for on in objects if on.schema_ in SYSTEM]
        named = {on.name for on in there if on.name}
        return sorted(named), sorted({f"{on.schema_} {on.kind}" for on in there if on.all})


def load_target(file: Path, folder: Path | None = None) -> Target:
    """Load a spec; `folder` is the folder of specs. Raises SpecError when the file is no spec."""
    root = _root(file, folder)
    if no_commands() and not is_inside(file, root):
        # a spec in a folder of somebody else's may be a link to any file of ours, whose lines an error would show
        raise SpecError([f"{file}: a link that leads out of {root}{os.sep} (refused by --no-commands)"])
    return Target(file, load_spec(file, root))


def _root(file: Path, folder: Path | None) -> Path:
    """Where the files are that a spec may extend: the folder of specs if the spec is in it, else its own folder."""
    named = os.environ.get(SPECS_ROOT)
    root = Path(named) if named else folder or specs_folder()
    return root if is_inside(file.parent, root) else file.parent


def ssh_config_of_environment() -> Path | None:
    """The ssh_config file of PGDEPLOY_SSH_CONFIG, for pyinfra and for the gate alike."""
    named = os.environ.get(SSH_CONFIG)
    return Path(named) if named else None


def specs_folder() -> Path:
    return Path(os.environ.get(SPECS, "specs"))


def choose_folder(folder: Path) -> None:
    """Take the specs from here, in this process and all that it starts."""
    os.environ[SPECS] = str(folder)


def find(pattern: str, folder: Path | None = None) -> list[Path]:
    """The spec files that a name, a glob or a path means, in order of name.

    Raises:
        TargetError: none fits; names near misses.
    """
    folder = folder or specs_folder()
    files = {file.stem: file for file in sorted(folder.glob("*.yaml")) if not file.stem.startswith("_")}
    if pattern.endswith((".yaml", ".yml")) or os.sep in pattern:
        path = Path(pattern)
        if not is_file(path):
            raise TargetError(f"{pattern}: {_no_file(path, files, folder)}")
        return [path]
    found = [file for name, file in files.items() if fnmatchcase(name, pattern)]
    if not found:
        raise TargetError(_no_target(pattern, files, folder))
    return found


def _no_file(path: Path, files: Mapping[str, Path], folder: Path) -> str:
    if exists(path):
        return "not a regular file; a spec is a YAML file"
    names = [name for name in files if fnmatchcase(name, path.stem)]
    hint = f"; the targets of {folder}{os.sep} have names without .yaml: {', '.join(names)}" if names else ""
    return f"no such spec file{hint}"


def _no_target(pattern: str, files: Mapping[str, Path], folder: Path) -> str:
    if not files:
        state = "holds no spec (NAME.yaml)" if exists(folder) else "does not exist"
        return (
            f"no target {pattern}: the folder of specs, {folder.absolute()}, {state}; "
            "name another one with --specs or PGDEPLOY_SPECS, or give the path of a spec file"
        )
    near = get_close_matches(pattern, files, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(files)}"
    return f"no target {pattern} in {folder}{os.sep}; {hint}"
