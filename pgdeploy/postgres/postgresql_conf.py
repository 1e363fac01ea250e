"""postgresql.conf and the files in conf.d: one setting a line."""

from __future__ import annotations

import re

from pgdeploy.postgres.identifier import PART, START
from pgdeploy.text.character import refuse
from pgdeploy.text.problem import ValueProblem

_IDENTIFIER = f"{START}{PART}*"
_NAME = re.compile(rf"{_IDENTIFIER}(\.{_IDENTIFIER})?")
"""SQL knows more names: PostgreSQL 18 writes a.b.c into postgresql.auto.conf, and does not start any more."""


def line(name: str, text: str) -> str:
    """`name = 'text'`.

    Raises:
        ValueProblem: the file cannot hold the name or the text.
    """
    return f"{checked_name(name)} = {quoted(text)}\n"


def checked_name(name: str) -> str:
    """The name, as it can stand in a file.

    Raises:
        ValueProblem: it cannot.
    """
    if not _NAME.fullmatch(name):
        allowed = "letters, digits and _, and one dot after the extension's name"
        raise ValueProblem(f"postgresql.conf cannot hold this name; allowed: {allowed}")
    return name


def quoted(text: str) -> str:
    """Text as a quoted value: backslashes escape, and a line holds one setting.

    Raises:
        ValueProblem: the file cannot hold the text.
    """
    refuse(text, "\0", "a value in postgresql.conf")
    for raw, escaped in (("\\", "\\\\"), ("'", "''"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(raw, escaped)
    return f"'{text}'"
