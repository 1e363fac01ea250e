"""What a spec can run, read or be given on the machine of whoever uses it; `--no-commands` refuses all of it.

docs/spec.md has the table. Nothing here runs or opens anything: the spec alone is looked at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel

from pgdeploy.errors import SpecError
from pgdeploy.layers import LAYERS
from pgdeploy.local.trust import no_commands
from pgdeploy.model.host.package import MirrorSpec
from pgdeploy.model.vm import is_key
from pgdeploy.secret.reference import SecretRef
from pgdeploy.spec.extends import is_inside
from pgdeploy.spec.place import Fault, Keys
from pgdeploy.spec.problem import Problem, show

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target
    from pgdeploy.model.connect import Ssh
    from pgdeploy.model.setting import SettingValue
    from pgdeploy.model.spec import Spec

_COMMANDS = frozenset(
    {
        "archive_cleanup_command",
        "archive_command",
        "recovery_end_command",
        "restore_command",
    }
)
_LIBRARIES = frozenset(
    {
        "archive_library",
        "dynamic_library_path",
        "extension_control_path",
        "jit_provider",
        "local_preload_libraries",
        "oauth_validator_libraries",
        "output_plugin_libraries",
        "session_preload_libraries",
        "shared_preload_libraries",
    }
)
_FILES = frozenset(
    {
        "krb_server_keyfile",
        "log_directory",
        "log_filename",
        "promote_trigger_file",
        "stats_temp_directory",
    }
)


_ABSOLUTE = re.compile(r"(?:^|:)/")
"""A path from the root, or one behind a type: `FILE:/etc/krb5.keytab`."""


class _Use(NamedTuple):
    """Something that a spec asks of this machine, and why it is refused."""

    keys: Keys
    message: str


def confine(target: Target, on: str | None = None, *, way_given: bool = False) -> None:
    """With `--no-commands`, see `require_confined`. Raises SpecError."""
    if no_commands():
        require_confined(target, on, way_given=way_given)


def require_confined(target: Target, on: str | None = None, *, way_given: bool = False) -> None:
    """Refuse a spec that would run a command here or read beyond its folder.

    `on` is where it is realised; None: anywhere. `way_given`: `connect:` is not used, as --dsn or --ssh-config is.

    Raises:
        SpecError: it would; one line each.
    """
    faults = [
        Fault(
            target.loaded.place(use.keys), str(Problem(use.keys, f"{use.message} (refused by --no-commands)"))
        )
        for use in _uses(target, on, way_given)
    ]
    if faults:
        raise SpecError([str(fault) for fault in sorted(set(faults))])


def _uses(target: Target, on: str | None, way_given: bool) -> Iterator[_Use]:
    spec, root = target.spec, target.loaded.root
    for keys, reference in _references(spec, ()):
        if on in (None, "live") or keys[0] != "vm":
            yield from _secret(keys, reference, root)
    if on != "embedded":
        yield from _host(spec, root)
    if on in (None, "embedded"):
        yield from _settings(spec)
    yield from _lifecycle(spec, root)
    for layer in LAYERS:
        yield from (_Use(one.keys, one.message) for one in layer.commands(spec, root))
    if on in (None, "live"):
        yield from _vm(spec, root)
        yield from _docker(spec, root)
        yield from () if way_given else _connect(spec, root)


def _references(value: object, keys: Keys) -> Iterator[tuple[Keys, SecretRef]]:
    """Every reference to a secret, wherever the models have one."""
    if isinstance(value, SecretRef):
        yield keys, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _references(getattr(value, name), (*keys, field.alias or name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _references(item, (*keys, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _references(item, (*keys, index))


def _secret(keys: Keys, reference: SecretRef, root: Path) -> Iterator[_Use]:
    if reference.command is not None:
        message = f"runs {show(reference.command[0])} on this machine; write {{env: NAME}}"
        yield _Use(keys, message)
    elif reference.file is not None:
        yield from _file(keys, reference.file, root)


def _file(keys: Keys, written: str | None, root: Path) -> Iterator[_Use]:
    if written is not None and not _is_inside(written, root):
        yield _Use(keys, f"reads {show(written)}, which is not in {root}{os.sep}")


def _is_inside(written: str, root: Path) -> bool:
    try:
        return is_inside(Path(written).expanduser(), root)
    except (RuntimeError, ValueError):
        return False


def _host(spec: Spec, root: Path) -> Iterator[_Use]:
    if spec.host is None:
        return
    if spec.host.tls is not None:
        yield from _file(("host", "tls", "certificate"), spec.host.tls.certificate, root)
    source = spec.host.packages.source
    if isinstance(source, MirrorSpec):
        yield from _file(("host", "packages", "source", "key"), source.key, root)


def _vm(spec: Spec, root: Path) -> Iterator[_Use]:
    if spec.vm is None:
        return
    yield _Use(("vm", "proxmox", "host"), "chooses the API that is sent the secret")
    yield from _file(("vm", "proxmox", "ca"), spec.vm.proxmox.ca, root)
    for index, key in enumerate(spec.vm.cloud_init.ssh_keys):
        if not is_key(key):
            yield from _file(("vm", "cloud_init", "ssh_keys", index), key, root)


def _connect(spec: Spec, root: Path) -> Iterator[_Use]:
    if spec.connect is None:
        return
    if spec.connect.dsn is not None:
        message = "chooses the server that gets PGPASSWORD or what a password file holds; give --dsn"
        yield _Use(("connect", "dsn"), message)
    if spec.connect.docker is not None and (spec.docker is None or spec.docker.ssh is None):
        yield _Use(("connect", "docker"), "runs commands in containers of this machine's Docker engine")
    if spec.connect.ssh is not None:
        yield from _ssh(spec.connect.ssh, ("connect", "ssh"), root)


def _docker(spec: Spec, root: Path) -> Iterator[_Use]:
    if spec.docker is not None and spec.docker.ssh is not None:
        yield from _ssh(spec.docker.ssh, ("docker", "ssh"), root)


def _ssh(ssh: Ssh, keys: Keys, root: Path) -> Iterator[_Use]:
    if ssh.config is not None:
        message = "an ssh_config can run commands (ProxyCommand, Match exec); give --ssh-config"
        yield _Use((*keys, "config"), message)
    for field, written in (("key", ssh.key), ("known_hosts", ssh.known_hosts)):
        # ssh puts other text in place of %d and ${NAME}
        hidden = "/" if written is not None and set(written) & set("%$") else written
        yield from (_Use((*keys, field), use.message) for use in _file((*keys, field), hidden, root))


def _settings(spec: Spec) -> Iterator[_Use]:
    """An embedded server is a program of this machine, and these settings name programs, libraries and files to it."""
    yield from _in(("settings",), spec.settings)
    for role, body in spec.roles.items():
        yield from _in(("roles", role, "settings"), body.settings)
        for database, values in body.settings_in.items():
            yield from _in(("roles", role, "settings_in", database), values)
    for database, db in spec.databases.items():
        yield from _in(("databases", database, "settings"), db.settings)


def _lifecycle(spec: Spec, root: Path) -> Iterator[_Use]:
    if spec.smoke is not None and spec.smoke.tests:
        yield _Use(("smoke", "tests"), "runs Python on this machine")
    journal = spec.release.journal if spec.release is not None else None
    if journal is not None and not is_inside(Path(journal), root):
        yield _Use(("release", "journal"), f"writes files that are not in {root}{os.sep}")


def _in(keys: Keys, settings: Mapping[str, SettingValue]) -> Iterator[_Use]:
    for written, value in settings.items():
        setting, words = written.lower(), value if isinstance(value, tuple) else (str(value),)
        if setting.startswith("ssl"):
            continue  # an embedded server has no TLS, so these are never set there
        if setting in _COMMANDS and any(words):
            yield _Use((*keys, written), "runs a command on this machine where the server is embedded")
        elif setting in _LIBRARIES and any("/" in word.replace("$libdir/", "") for word in words):
            yield _Use((*keys, written), "loads a library of this machine where the server is embedded")
        elif _names_file(setting) and any(_ABSOLUTE.search(word) or ".." in word for word in words):
            yield _Use((*keys, written), "names a file of this machine where the server is embedded")


def _names_file(setting: str) -> bool:
    """An extension's own may be one, too: basic_archive.archive_directory is."""
    return setting in _FILES or "." in setting
