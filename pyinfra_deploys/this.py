"""The host that pyinfra is at: its target, where things are on it, and what it answers to a script of ours."""

from __future__ import annotations

import ast
import json
from collections.abc import Generator, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from paramiko import SSHException
from pyinfra.api import DeployError, StringCommand
from pyinfra.context import host

from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.host.layout import Layout


def target() -> Target:
    """The target of this host, as the inventory names it."""
    file = host.data.get("spec_file")
    if file is None:
        raise DeployError(f"{host.name} has no `spec_file` in its data; take the inventory of pgdeploy")
    return _load(str(file))


@cache
def _load(file: str) -> Target:
    return load_target(Path(file))


def layout() -> Layout:
    return Layout(target().spec)


def configure_login() -> None:
    """Who logs in, where only the ssh_config of the spec says it: known now that pyinfra is connected."""
    if host.data.get("ssh_user") is None:
        host.data.ssh_user = host.connector.client.get_transport().get_username()
        host.data._sudo = host.data.ssh_user != "root"


_TAKE = """\
import json, sys, types
for name, text in json.loads(%r).items():
    for end in (at for at, character in enumerate(name) if character == "."):
        sys.modules.setdefault(name[:end], types.ModuleType(name[:end]))
    sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), sys.modules[name].__dict__)
sys.modules["pyinfra_deploys.remote.answer"].answer(sys.modules[%r].main, json.loads(%r))
"""
"""On the host nothing of ours is installed: what a script takes from others goes along, those first that are taken."""


def stdin(script: str, question: object) -> str:
    """What `python3 -` reads on the host: a script of ours and its question. Nothing of it stands in argv."""
    name = f"{_REMOTE}{script}"
    texts = {module: _text(module) for module in (*_taken(name), name, f"{_REMOTE}answer")}
    return _TAKE % (json.dumps(texts), name, json.dumps(question))


_REMOTE = "pyinfra_deploys.remote."


@cache
def _taken(name: str) -> tuple[str, ...]:
    """The modules of ours that a module takes something from, and those that they take from before them."""
    found: dict[str, None] = {}
    for node in ast.walk(ast.parse(_text(name))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith((_REMOTE, "pgdeploy")):
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            for module in inside if _is_package(node.module) else [node.module]:
                found.update(dict.fromkeys((*_taken(module), module)))
    return tuple(found)


def _is_package(name: str) -> bool:
    package, _, module = name.rpartition(".")
    return not package or (files(package) / module).is_dir()


@cache
def _text(name: str) -> str:
    package, _, module = name.rpartition(".")
    return (files(package) / f"{module}.py").read_text(encoding="utf-8")


def command(script: str, question: object) -> StringCommand:
    """A script of ours as pyinfra's command: it changes something, or fails with one message."""
    return StringCommand("python3", "-", _stdin=stdin(script, question))


class Unanswered(Exception):
    """The host did not answer a script of ours; the message is what it said."""


def ask(script: str, question: object) -> Any:
    """What a script of ours finds on the host.

    Raises:
        Unanswered: it failed, or the connection is lost; the last line that was said.
    """
    try:
        done, output = host.run_shell_command(
            StringCommand("python3", "-"),
            _sudo=bool(host.data.get("_sudo")),
            _stdin=stdin(script, question),
        )
    except (SSHException, OSError, EOFError) as error:
        raise Unanswered(f"the connection is lost: {str(error) or type(error).__name__}") from None
    if not done:
        said = [line for line in output.stderr_lines if line.strip()] or ["it said nothing"]
        raise Unanswered(said[-1])
    return json.loads(output.stdout_lines[-1])


def state_of_host(script: str, question: dict[str, Any]) -> Generator[StringCommand, None, dict[str, Any]]:
    """What a script of ours finds, for an operation to go by.

    When asking fails, the same script as a command fails on this host alone, with the same words: an exception would
    end the run for every host.
    """
    try:
        found: dict[str, Any] = ask(script, question)
    except Unanswered:
        yield command(script, question)
        found = ask(script, question)
    return found


def may_become_root() -> bool:
    """Whether sudo lets us without a question: what sudo says is hidden from pyinfra, or it would ask for one."""
    if not host.data.get("_sudo"):
        return True
    done, _ = host.run_shell_command(StringCommand("sudo -n true 2>/dev/null"))
    return bool(done)


def ensure(script: str, question: dict[str, Any]) -> Iterator[StringCommand]:
    """The command that makes it so, unless the host finds it so already.

    When asking fails, making is what fails, on this host alone and with the same words.
    """
    try:
        differs = ask(script, {**question, "make": False})["differs"]
    except Unanswered:
        differs = True
    if differs:
        yield command(script, {**question, "make": True})
