"""The wording of the library under typer, and ours."""

from __future__ import annotations

import re
from typing import Any


def misspelt(error: Any) -> tuple[str, str]:
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
