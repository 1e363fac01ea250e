"""How a Python script and its question get to a host in one command, and what became of them there."""

from __future__ import annotations

import base64
import gzip
import json
import shlex
from typing import Any

from pgdeploy.errors import TargetError
from pgdeploy.reach.server_message import last_word

_NO_PYTHON, _NO_SUDO, _SUDO_REFUSED = 96, 97, 98
_MARK = "pgdeploy-answer:"
"""Stands between what login scripts print and the answer."""

# `set --` makes "$@" the command that makes root of us: nothing, or sudo
_SHELL = f"""\
command -v python3 >/dev/null || exit {_NO_PYTHON}
set --
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {{ id -un >&2; exit {_NO_SUDO}; }}
  sudo -n true >/dev/null 2>&1 || {{ id -un >&2; exit {_SUDO_REFUSED}; }}
  set -- sudo -n env "SSH_CONNECTION=$SSH_CONNECTION"
fi
echo {_MARK}
echo %s | base64 -d | gzip -dc | "$@" python3 -I -X utf8 -
"""

_PYTHON = """\
import json
known = json.loads(%r)
exec(compile(known["script"], "pgdeploy", "exec"), {"__name__": "__main__", "question": known["question"]})
"""


def command(script: str, question: object) -> str:
    """One command for any shell: it runs the script as root, which has the global `question`."""
    program = _PYTHON % json.dumps({"script": script, "question": question})
    packed = base64.b64encode(gzip.compress(program.encode(), mtime=0)).decode()
    return f"exec /bin/sh -c {shlex.quote(_SHELL % packed)}"


def answer(address: str, status: int, stdout: bytes, stderr: bytes) -> Any:
    """The JSON that the script printed.

    Raises:
        TargetError: there is none; one line.
    """
    said = last_word(stderr.decode(errors="replace"), 1)
    _, mark, text = stdout.decode(errors="replace").partition(f"{_MARK}\n")
    if not mark:
        raise TargetError(f"{address}: {_before(status, said)}")
    if status != 0:
        raise TargetError(f"{address}: reading the host failed: {said or f'exit status {status}'}")
    try:
        return json.loads(text)
    except ValueError:
        raise TargetError(f"{address}: reading the host failed: its answer is no JSON") from None


def _before(status: int, said: str) -> str:
    """Why it did not come to the script; `said` is the user's name where the shell above says so."""
    if status == _NO_PYTHON:
        return "python3 is not installed there, and pgdeploy needs it to look at a host"
    if status in (_NO_SUDO, _SUDO_REFUSED):
        why = "sudo is not installed" if status == _NO_SUDO else "sudo refuses"
        return f"user {said} is not root and {why}; looking at a host needs root, or sudo without a password"
    return said or f"the command failed with exit status {status}"
