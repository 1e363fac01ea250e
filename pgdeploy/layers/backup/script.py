"""The statements of a script that pg_dumpall or pg_restore wrote.

Owners and roles choose comments, settings and names in it, with line breaks: only what stands outside of quotes is a
statement, whatever a line looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""(?P<quoted>"(?:[^"]|"")*"|'(?:[^']|'')*')|(?P<left_out>--[^\n]*|^\\[^\n]*)|(?P<end>;)""", re.MULTILINE
)
"""These programs double each quote in quotes, with and without E before them."""


def statements(script: str) -> Iterator[str]:
    r"""Each with its semicolon; comments and commands of psql, such as \connect, are left out."""
    text, at = "", 0
    for found in _TOKEN.finditer(script):
        text += script[at : found.start()]
        at = found.end()
        if found["left_out"] is None:
            text += found[0]
        if found["end"] is not None:
            yield text.strip()
            text = ""
