"""Text of others on one line: no control character, no change of direction, no command to a CI service.

What a server, a host, a file or a user's name says is data. On a terminal or in a CI log it must not act: it begins no
line, moves no cursor, and is no annotation. Messages, findings and SQL pass through here; lines of ours are joined
afterwards.
"""

from __future__ import annotations

import json
import re
import traceback
from typing import Any

LONGEST = 2000
"""As many characters of one value are shown to people."""

_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
"""Characters that Unicode counts as printable, and that nobody sees."""
_HIDDEN = re.compile(f"[{_INVISIBLE}]")
_COMMAND = re.compile(r"##(?=\w*\[)")
"""GitHub, Azure and TeamCity take `##[error]`, `##vso[...]` and `##teamcity[...]` for commands, anywhere in a line."""
_ANNOTATION = re.compile(r"(\s*):(?=:)")
"""GitHub takes a line for a command that begins so."""


def is_plain(text: str) -> bool:
    """Whether the text can stand in a line as it is."""
    return text.isprintable() and not _COMMAND.search(text) and (text.isascii() or not _HIDDEN.search(text))


def is_visible(char: str) -> bool:
    return char.isprintable() and not _HIDDEN.match(char)


def escape(text: str) -> str:
    """The text on one line: what a terminal would not print as a character is written as in Python."""
    if not is_plain(text):
        visible = "".join(char if is_visible(char) else _escape_char(char) for char in text)
        text = _COMMAND.sub(r"#\\x23", visible)
    return _ANNOTATION.sub(r"\1\\x3a", text, count=1) if text.lstrip().startswith("::") else text


def one_line(text: str, longest: int = LONGEST) -> str:
    """The same, cut where it is too long, with the number of characters that are left out."""
    left = len(text) - longest
    return f"{escape(text[:longest])}... ({left} more characters)" if left > 0 else escape(text)


def json_text(data: Any) -> str:
    """Data as JSON for files and terminals: what `escape` would escape is written as JSON escapes it."""
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    if "##" in text:
        text = _COMMAND.sub(r"#\\u0023", text)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(char if is_visible(char) or char == "\n" else _json_char(char) for char in text)


def defect(error: BaseException) -> list[str]:
    """An error that is a mistake of ours: what it is, and where, for a report to us."""
    said = one_line(f"{type(error).__name__}: {error}")
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"  at {escape(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames]
    return [f"a defect of pgdeploy, please report it: {said}", *where]


def _escape_char(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _json_char(char: str) -> str:
    pair = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(pair[at : at + 2]):04x}" for at in range(0, len(pair), 2))
