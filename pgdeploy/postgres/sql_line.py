"""An SQL statement on one line of visible characters, for psql, terminals and logs.

A name may hold line breaks, and psql's own commands begin with a backslash outside of quotes. So names and strings that
hold what nobody sees are written with Unicode escapes, and nothing outside of quotes can be a command or a variable
of psql's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgdeploy.errors import PlanError
from pgdeploy.text.one_line import is_plain, is_visible

_QUOTED = re.compile(
    r"""(?P<escapes>(?<![\w$])[eE]'(?:[^'\\]|''|\\.)*')"""
    r"""|(?P<string>'(?:[^']|'')*')"""
    r"""|(?P<done>(?<![\w$])[uU]&"(?:[^"]|"")*")"""
    r"""|(?P<name>"(?:[^"]|"")*")""",
    re.DOTALL,
)
_COMMAND_OF_PSQL = re.compile(r"\\|(?<!:):(?=[\w{]|\Z)")
_CLOSER = re.compile(r"[\\:'#]")
_SPACE = re.compile(r"[ \t\r\n\f\v]+")


def sql_line(statement: str) -> str:
    """The statement, meaning the same.

    Raises:
        PlanError: outside of quotes it holds what cannot be written otherwise.
    """
    if statement.isprintable() and statement.isascii() and _is_simple(statement):
        return statement  # nearly all are, and there may be thousands
    return "".join(_parts(statement))


def _is_simple(statement: str) -> bool:
    """Only names in quotes, and nothing that a closer look could refuse or rewrite."""
    return statement.count('"') % 2 == 0 and not _CLOSER.search(statement)


def _parts(statement: str) -> Iterator[str]:
    end = 0
    for quoted in _QUOTED.finditer(statement):
        yield _bare(statement[end : quoted.start()])
        yield quoted[0] if is_plain(quoted[0]) else _rewritten(quoted)
        end = quoted.end()
    yield _bare(statement[end:])


def _bare(text: str) -> str:
    """What stands outside of quotes."""
    text = _SPACE.sub(" ", text)
    if not is_plain(text) or any(mark in text for mark in "'\"") or _COMMAND_OF_PSQL.search(text):
        raise PlanError(f"no SQL of ours: {text}")
    return text


def _rewritten(quoted: re.Match[str]) -> str:
    text = quoted[0]
    if quoted["name"]:
        return f'U&"{"".join(_in_name(text[1:-1].replace(chr(92), chr(92) * 2)))}"'
    if quoted["string"]:
        return f"E'{''.join(_in_string(text[1:-1].replace(chr(92), chr(92) * 2)))}'"
    return f"E'{''.join(_in_string(text[2:-1]))}'"


def _in_name(text: str) -> Iterator[str]:
    for char, hidden in _marked(text):
        code = ord(char)
        yield char if not hidden else f"\\{code:04X}" if code < 0x10000 else f"\\+{code:06X}"


def _in_string(text: str) -> Iterator[str]:
    # a backslash before a raw line break stands for the line break alone
    for char, hidden in _marked(re.sub(r"(?<!\\)((?:\\\\)*)\\(?=[\x00-\x1f])", r"\1", text)):
        code = ord(char)
        yield char if not hidden else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _marked(text: str) -> Iterator[tuple[str, bool]]:
    """Each character, and whether it must be escaped; so must every second of two hashes, for CI services."""
    before = ""
    for char in text:
        yield char, not is_visible(char) or (char == before == "#")
        before = char
