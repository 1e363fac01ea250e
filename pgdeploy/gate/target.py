"""A target: a named server, its spec and how to reach it. The inventory is the folder of all of them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.core.layer import Declared, checks_of
from pgdeploy.errors import SpecError, TargetError
from pgdeploy.gate.spec_file import load_spec
from pgdeploy.layers import LAYERS, SERVER
from pgdeploy.local.trust import no_commands
from pgdeploy.model.spec import Spec
from pgdeploy.spec.extends import is_inside
from pgdeploy.spec.source import exists, is_file

if TYPE_CHECKING:
    from pgdeploy.core.check import Check
    from pgdeploy.core.facts import Facts
    from pgdeploy.core.layer import Layer
    from pgdeploy.layers.server.resource import ServerResource
    from pgdeploy.model.connect import InContainer
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.loader import Loaded
    from pgdeploy.spec.place import Keys, Place

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

    @property
    def declared(self) -> Declared:
        """What its layers are asked with."""
        return Declared(self.name, self.spec, lambda: self.loaded.digest)

    @property
    def server_is_inside(self) -> bool:
        """Whether its server is in a container of Docker."""
        return server_inside(self.spec) is not None

    @cached_property
    def resources(self) -> tuple[ServerResource, ...]:
        """Everything that a plan of SQL is made of."""
        return SERVER.resources(self.declared)

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """Every check of all layers; probes are asked apart."""
        return tuple(check for layer in LAYERS for check in self.checks_of(layer.name))

    def checks_of(self, name: str) -> tuple[Check, ...]:
        """Every check of one layer; none where the spec does not speak of it."""
        return self._checks_of_layers[name]

    @cached_property
    def _checks_of_layers(self) -> dict[str, tuple[Check, ...]]:
        resources = {
            layer.name: self.resources if layer is SERVER else layer.resources(self.declared)
            for layer in LAYERS
        }
        return {name: checks_of(known) for name, known in resources.items()}

    @cached_property
    def probes(self) -> tuple[Check, ...]:
        """Every check of behaviour."""
        return tuple(check for layer in LAYERS for check in checks_of(layer.probes(self.declared)))

    def trials(self, markers: Collection[str]) -> tuple[Check, ...]:
        """Every check of what is tried on a server to throw away, of the layers that these markers ask for."""
        asked = [layer for layer in LAYERS if layer.trial_marker in markers]
        return tuple(check for layer in asked for check in checks_of(layer.trials(self.declared)))

    def place(self, check: Check) -> Place:
        """Where the spec says it."""
        return self.place_of(check.keys)

    def place_of(self, keys: Keys) -> Place:
        """Where this part of the spec is written; of what is not, the nearest thing around it that is."""
        return self.loaded.place(keys)

    def read(self, server: Server, layers: Sequence[Layer] = LAYERS) -> Facts:
        """The facts that the checks of these layers rest on.

        Raises:
            TargetError: nothing of it can be reached.
        """
        from pgdeploy.gate.reading import read

        return read(self.declared, server, layers)


def server_inside(spec: Spec) -> InContainer | None:
    """The container that the server is in, as `connect:` names it, or as a layer makes it."""
    if spec.connect is not None:
        return spec.connect.docker
    return next((found for layer in LAYERS if (found := layer.server_in(spec)) is not None), None)


def with_spec(target: Target, spec: Spec) -> Target:
    """The same target with another spec, such as one for the time of its maintenance."""
    return replace(target, loaded=replace(target.loaded, value=spec))


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
