"""Privileges by kind of object and version of PostgreSQL, and the letters that an ACL has for them.

ALL is not the same in every version: MAINTAIN on tables came with 17. It is expanded here, so that what
is compared is always a set of single privileges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from pgdeploy.text.problem import ValueProblem, did_you_mean

LETTERS: Mapping[str, str] = {
    "r": "SELECT",
    "a": "INSERT",
    "w": "UPDATE",
    "d": "DELETE",
    "D": "TRUNCATE",
    "x": "REFERENCES",
    "t": "TRIGGER",
    "C": "CREATE",
    "c": "CONNECT",
    "T": "TEMPORARY",
    "X": "EXECUTE",
    "U": "USAGE",
    "s": "SET",
    "A": "ALTER SYSTEM",
    "m": "MAINTAIN",
}
"""Privileges by their letter in an aclitem."""

_TABLE = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")

PRIVILEGES: Mapping[str, tuple[str, ...]] = {
    "table": _TABLE,
    "column": ("SELECT", "INSERT", "UPDATE", "REFERENCES"),
    "sequence": ("USAGE", "SELECT", "UPDATE"),
    "database": ("CREATE", "CONNECT", "TEMPORARY"),
    "schema": ("USAGE", "CREATE"),
    "function": ("EXECUTE",),
    "procedure": ("EXECUTE",),
    "type": ("USAGE",),
    "language": ("USAGE",),
    "tablespace": ("CREATE",),
    "foreign_server": ("USAGE",),
    "foreign_data_wrapper": ("USAGE",),
    "parameter": ("SET", "ALTER SYSTEM"),
    "large_object": ("SELECT", "UPDATE"),
}
"""All privileges of each kind of object, in the order of the documentation, newest version."""

# The version that brought a privilege, or the right to grant on a kind.
_SINCE = {("table", "MAINTAIN"): 17, ("parameter", "SET"): 15, ("parameter", "ALTER SYSTEM"): 15}

_SYNONYMS = {"TEMP": "TEMPORARY", "ALTER_SYSTEM": "ALTER SYSTEM"}


@cache
def privileges(kind: str, major: int) -> frozenset[str]:
    """What ALL means for this kind of object in this version; empty when it has no privileges there."""
    return frozenset(name for name in PRIVILEGES[kind] if _SINCE.get((kind, name), 0) <= major)


def expand(names: Iterable[str], kind: str, major: int) -> frozenset[str]:
    """Privileges by their full names, ALL expanded; case is no matter, TEMP is TEMPORARY.

    Raises:
        ValueProblem: one that this kind of object does not have in this version.
    """
    known = privileges(kind, major)
    found: set[str] = set()
    for name in names:
        word = " ".join(name.upper().split())
        word = _SYNONYMS.get(word, word)
        if word in ("ALL", "ALL PRIVILEGES"):
            found |= known
        elif word in known:
            found.add(word)
        else:
            raise ValueProblem(_refused(name, word, kind, major, known))
    return frozenset(found)


def _refused(name: str, word: str, kind: str, major: int, known: frozenset[str]) -> str:
    since = _SINCE.get((kind, word))
    if since is not None:
        return f"read {name!r}, which came with PostgreSQL {since}; this is {major}"
    listed = [privilege for privilege in PRIVILEGES[kind] if privilege in known]
    thing = kind.replace("_", " ")
    if not listed:
        return f"read {name!r}; nothing can be granted on a {thing} in PostgreSQL {major}"
    return f"read {name!r}, which no {thing} has; allowed: {', '.join(listed)} or ALL{did_you_mean(word, listed)}"
