"""What only the whole shows to be wrong about a host: settings and roles that its files and tools cannot hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pgdeploy.layers.host.layout import Layout
from pgdeploy.layers.server.membership import of
from pgdeploy.layers.server.problems.reference import role_problems
from pgdeploy.layers.vm.config import shown
from pgdeploy.model.host.amount import bytes_of
from pgdeploy.spec.problem import Problem, show
from pgdeploy.text import data_source, environment
from pgdeploy.text.name_pattern import OS_USER
from pgdeploy.text.naming import quoted_name
from pgdeploy.text.path import absolute
from pgdeploy.text.problem import ValueProblem

if TYPE_CHECKING:
    from pgdeploy.model.host.spec import HostSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys

_OF_TLS = ("ssl_cert_file", "ssl_key_file")
"""Settings that `host: tls:` writes itself."""

_OF_THE_SERVER = re.compile(r"base|global|pg_\w+")
"""Folders in the data directory that are no logs."""


def problems(spec: Spec) -> Iterator[Problem]:
    """Every contradiction with the server's sections, and every text that would become something else in a file or
    under a tool.
    """
    yield from _shared_buffers(spec)
    if spec.host is None:
        return
    yield from _connection(spec, spec.host)
    yield from _mount(spec)
    yield from _exporter_role(spec)
    yield from _tls(spec)
    layout = Layout(spec)
    yield from _settings(spec)
    yield from _oldest_tls(layout)
    yield from _folders(layout)
    yield from _exporter(layout)


def _held(keys: Keys, text: str, call: Callable[[str], object]) -> Iterator[Problem]:
    try:
        call(text)
    except ValueProblem as error:
        yield Problem(keys, f"{keys[-1]}: read {show(text)}; {error}")


def _settings(spec: Spec) -> Iterator[Problem]:
    for setting in spec.settings:
        if not setting.isascii():
            message = f"{setting}: Debian's tools stop at a line with this name; allowed: letters of ASCII"
            yield Problem(("settings", setting), message, about_key=True)


def _oldest_tls(layout: Layout) -> Iterator[Problem]:
    """What the settings let in and the section of TLS does not."""
    setting, tls = "ssl_min_protocol_version", layout.host.tls
    value = layout.settings.get(setting)
    # their names sort by age, and an empty one lets everything in
    if tls is not None and isinstance(value, str) and value.lower() < tls.minimum.lower():
        message = (
            f"{setting}: read {show(value)}; `host: tls: minimum:` says {tls.minimum}; write one of them only"
        )
        yield Problem(("settings", setting), message)


def _folders(layout: Layout) -> Iterator[Problem]:
    settings = layout.spec.settings
    # Debian's tools write it between quotes, and do not escape all that the server reads there
    if str(settings.get("data_directory", "/")).startswith("/"):
        path = partial(absolute, without="'\\")
        yield from _held(("settings", "data_directory"), layout.data_directory, path)
    if layout.host.keep_logs is not None:
        yield from _logs(layout)


def _logs(layout: Layout) -> Iterator[Problem]:
    """Root removes what is old there."""
    keys, folder = ("settings", "log_directory"), PurePosixPath(layout.log_directory)
    yield from _held(keys, layout.log_directory, absolute)
    data = PurePosixPath(layout.data_directory)
    inside = folder.relative_to(data).parts if folder.is_relative_to(data) else ()
    if data.is_relative_to(folder) or any(map(_OF_THE_SERVER.fullmatch, inside[:1])):
        message = (
            f"{folder} holds the server's data, and `keep_logs:` removes old files there; name another folder"
        )
        yield Problem(keys, f"log_directory: {message}")


def _exporter(layout: Layout) -> Iterator[Problem]:
    exporter = layout.host.exporter
    if exporter is None or exporter.run == "compose":
        return
    where = ("host", "exporter", "role")
    if exporter.login == "password":
        yield from _held(where, exporter.role, partial(environment.assignment, "DATA_SOURCE_USER"))
        return
    setting = "unix_socket_directories"
    with suppress(ValueProblem):  # no such list, which is said already
        yield from _held(
            ("settings", setting), layout.socket_folder, lambda text: data_source.pairs({setting: text})
        )
    if not re.fullmatch(OS_USER[0], exporter.role) or exporter.role == "root":
        message = f"read {show(exporter.role)}; with `login: peer` it is an OS user, not root; allowed: {OS_USER[1]}"
        yield Problem(where, f"{message}; or write `login: password`")


def _connection(spec: Spec, host: HostSpec) -> Iterator[Problem]:
    if spec.connect is not None and spec.connect.ssh is None:
        yield Problem(("connect",), "a spec with `host:` is reached by ssh; write `ssh:` instead of `dsn:`")
    version = host.packages.version
    if version is not None and not version.startswith(str(spec.postgres)):
        where: Keys = ("host", "packages", "version")
        yield Problem(where, f"version {version} is not of PostgreSQL {spec.postgres}, which this spec says")


def _mount(spec: Spec) -> Iterator[Problem]:
    layout = Layout(spec)
    mount = layout.host.cluster.mount
    if not layout.data_directory.startswith("/"):
        message = f"data_directory: read {layout.data_directory}; on a host it is an absolute path"
        yield Problem(("settings", "data_directory"), message)
        return
    if mount is not None and not PurePosixPath(layout.data_directory).is_relative_to(mount):
        message = (
            f"the data directory {layout.data_directory} is not on {mount}; see settings: data_directory"
        )
        yield Problem(("host", "cluster", "mount"), message)


def _exporter_role(spec: Spec) -> Iterator[Problem]:
    layout = Layout(spec)
    exporter, keys = layout.host.exporter, ("host", "exporter")
    if exporter is None:
        return
    yield from role_problems(spec, exporter.role, (*keys, "role"))
    role = spec.roles.get(exporter.role)
    if exporter.login == "password" and role is not None and role.password is None:
        message = (
            f"`login: password` needs the role's password; write `password:` for {quoted_name(exporter.role)}"
        )
        yield Problem((*keys, "login"), message)
    monitors = role is not None and (role.superuser or "pg_monitor" in [line.role for line in of(role)])
    if role is not None and not monitors:
        missing = "sees too little and its numbers are wrong; write `member_of: [pg_monitor]`"
        message = f"{quoted_name(exporter.role)} {missing}"
        yield Problem((*keys, "role"), message)
    taken = {layout.port: "PostgreSQL", layout.ssh_port: "ssh"}
    if exporter.port in taken:
        yield Problem((*keys, "listen"), f"port {exporter.port} is {taken[exporter.port]}'s already")


def _tls(spec: Spec) -> Iterator[Problem]:
    """Settings that `tls:` writes itself: the spec's own would win over them."""
    if spec.host is None or spec.host.tls is None:
        return
    for written, value in spec.settings.items():
        off = written.lower() == "ssl" and str(value).lower() in ("false", "off", "no", "0")
        if off or written.lower() in _OF_TLS:
            message = f"{written}: `host: tls:` sets it; leave it out"
            yield Problem(("settings", written), message, about_key=True)


def _shared_buffers(spec: Spec) -> Iterator[Problem]:
    size = Layout(spec).shared_buffers
    if spec.vm is not None and size >= bytes_of(spec.vm.memory):
        said = f"{shown(size)} is all of the VM's memory, {spec.vm.memory}, or more"
        yield Problem(("settings", "shared_buffers"), f"{said}: PostgreSQL would not start")
