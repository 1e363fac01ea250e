"""Settings that are lists: how the server splits them, and how an element is written.

PostgreSQL has two ways of splitting, which differ outside double quotes: names of things in the database
are folded to lower case (SplitIdentifierString), libraries and directories keep their case and may hold
spaces (SplitDirectoriesString). Inside double quotes all is literal, and `""` is one quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pgdeploy.text.problem import ValueProblem

_SPACE = " \t\n\v\f\r"
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_NAME = re.compile(r'[^," \t\n\v\f\r][^, \t\n\v\f\r]*')
_PATH = re.compile(r'[^," \t\n\v\f\r][^,]*')
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_NAME_BYTES = 63
_FOLDED = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def split_names(text: str) -> tuple[str, ...]:
    """Names as search_path has them: folded unless quoted, cut to 63 bytes.

    Raises:
        ValueProblem: the text is no such list.
    """
    return tuple(_cut(element if quoted else fold(element)) for element, quoted in _elements(text, _NAME))


def split_paths(text: str) -> tuple[str, ...]:
    """Libraries, directories and addresses: case is kept, spaces inside are part of the element.

    Raises:
        ValueProblem: the text is no such list.
    """
    return tuple(element if quoted else element.rstrip(_SPACE) for element, quoted in _elements(text, _PATH))


def fold(name: str) -> str:
    """Lower case as the server folds names: ASCII letters only, in a database of UTF-8."""
    return name.translate(_FOLDED)


def join(elements: Iterable[str], *, quotes: bool) -> str:
    """The text of a list. `quotes`: elements are literal names, quoted where they must be."""
    return ", ".join(quote(element) if quotes else element for element in elements)


def quote(element: str) -> str:
    """An element in double quotes unless it is plain enough to do without."""
    return element if _PLAIN.fullmatch(element) else '"' + element.replace('"', '""') + '"'


def _elements(text: str, unquoted: re.Pattern[str]) -> Iterator[tuple[str, bool]]:
    rest = text.strip(_SPACE)
    if not rest:
        return
    while True:
        found = _QUOTED.match(rest) or unquoted.match(rest)
        if found is None:
            raise _no_list(text)
        quoted = found.re is _QUOTED
        yield (found[1].replace('""', '"') if quoted else found[0]), quoted
        rest = rest[found.end() :].lstrip(_SPACE)
        if not rest:
            return
        if rest[0] != ",":
            raise _no_list(text)
        rest = rest[1:].lstrip(_SPACE)


def _no_list(text: str) -> ValueProblem:
    return ValueProblem(
        f"read {text!r}, which is no list; allowed: elements with commas between them, "
        'each in double quotes when it holds a comma or a space ("$user", public)'
    )


def _cut(name: str) -> str:
    return name.encode()[:_NAME_BYTES].decode(errors="ignore")
