"""What only the whole shows to be wrong about a host: settings and roles that its files and tools cannot hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pgdeploy.layers.host.layout import Layout
from pgdeploy.spec.problem import Problem, show
from pgdeploy.text import data_source, environment
from pgdeploy.text.name_pattern import OS_USER
from pgdeploy.text.path import absolute
from pgdeploy.text.problem import ValueProblem

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys

_OF_THE_SERVER = re.compile(r"base|global|pg_\w+")
"""Folders in the data directory that are no logs."""


def problems(spec: Spec) -> Iterator[Problem]:
    """Every text that would become something else in a file, or under a tool; none without a host."""
    if spec.host is None:
        return
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
    for name in spec.settings:
        if not name.isascii():
            message = f"{name}: Debian's tools stop at a line with this name; allowed: letters of ASCII"
            yield Problem(("settings", name), message, about_key=True)


def _oldest_tls(layout: Layout) -> Iterator[Problem]:
    """What the settings let in and the section of TLS does not."""
    name, tls = "ssl_min_protocol_version", layout.host.tls
    value = layout.settings.get(name)
    # their names sort by age, and an empty one lets everything in
    if tls is not None and isinstance(value, str) and value.lower() < tls.minimum.lower():
        message = (
            f"{name}: read {show(value)}; `host: tls: minimum:` says {tls.minimum}; write one of them only"
        )
        yield Problem(("settings", name), message)


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
