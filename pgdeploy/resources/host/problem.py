"""What only the whole shows to be wrong about a host: settings and roles that its files and tools cannot hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pgdeploy.format import data_source
from pgdeploy.format.name import OS_USER
from pgdeploy.format.path import absolute
from pgdeploy.problem import ValueProblem
from pgdeploy.resources.host.layout import Layout
from pgdeploy.spec.problem import Problem, show

if TYPE_CHECKING:
    from pgdeploy.resources.spec import Spec

_OF_THE_SERVER = re.compile(r"base|global|pg_\w+")
"""Folders in the data directory that are no logs."""


def problems(spec: Spec) -> Iterator[Problem]:
    """Every text that would become something else in a file, or under a tool; none without a host."""
    if spec.host is None:
        return
    layout = Layout(spec)
    yield from _settings(spec)
    yield from _folders(layout)
    yield from _exporter(layout)


def _path(setting: str, text: str, without: str = "") -> Iterator[Problem]:
    try:
        absolute(text, without)
    except ValueProblem as error:
        yield Problem(("settings", setting), f"{setting}: read {show(text)}; {error}")


def _settings(spec: Spec) -> Iterator[Problem]:
    for name in spec.settings:
        if not name.isascii():
            message = f"{name}: Debian's tools stop at a line with this name; allowed: letters of ASCII"
            yield Problem(("settings", name), message, about_key=True)


def _folders(layout: Layout) -> Iterator[Problem]:
    settings = layout.spec.settings
    # Debian's tools write it between quotes, and do not escape all that the server reads there
    if str(settings.get("data_directory", "/")).startswith("/"):
        yield from _path("data_directory", layout.data_directory, "'\\")
    if layout.host.keep_logs is not None:
        yield from _logs(layout)


def _logs(layout: Layout) -> Iterator[Problem]:
    """Root removes what is old there."""
    keys, folder = ("settings", "log_directory"), PurePosixPath(layout.log_directory)
    yield from _path("log_directory", layout.log_directory)
    data = PurePosixPath(layout.data_directory)
    inside = folder.relative_to(data).parts if folder.is_relative_to(data) else ()
    if data.is_relative_to(folder) or any(map(_OF_THE_SERVER.fullmatch, inside[:1])):
        message = (
            f"{folder} holds the server's data, and `keep_logs:` removes old files there; name another folder"
        )
        yield Problem(keys, f"log_directory: {message}")


def _exporter(layout: Layout) -> Iterator[Problem]:
    exporter = layout.host.exporter
    if exporter is None or exporter.login != "peer":
        return
    try:
        data_source.pairs({"host": layout.socket_folder})
    except ValueProblem as error:
        message = f"unix_socket_directories: read {show(layout.socket_folder)}; {error}"
        yield Problem(("settings", "unix_socket_directories"), message)
    if not re.fullmatch(OS_USER[0], exporter.role) or exporter.role == "root":
        message = f"read {show(exporter.role)}; with `login: peer` it is an OS user, not root; allowed: {OS_USER[1]}"
        yield Problem(("host", "exporter", "role"), f"{message}; or write `login: password`")
