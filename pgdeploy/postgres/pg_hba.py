"""pg_hba.conf: one rule a line, of words between blanks; double quotes hold blanks, commas, # and @."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_network

from pgdeploy.text.character import ENDS_LINE, refuse
from pgdeploy.text.problem import ValueProblem

OPTION = ("[a-z][a-z0-9_]*", "the name of an option, such as map or ldapserver")

_HOST = re.compile(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")


def names(words: Iterable[str], keywords: Iterable[str]) -> str:
    """A list of databases or users: keywords stand bare, all else is quoted, and means itself.

    Raises:
        ValueProblem: a word cannot stand in the file.
    """
    known = tuple(keywords)
    return ",".join(word if word in known else name(word) for word in words)


def name(word: str) -> str:
    """A name in quotes; the + of a group stands before them. A word in quotes is the name in them, whatever it is.

    Raises:
        ValueProblem: it cannot stand in the file.
    """
    if not word:
        raise ValueProblem("a name in pg_hba.conf cannot be empty")
    inner = named(word)
    if inner is not None:
        return quoted(inner)
    prefix = "+" if word.startswith("+") and len(word) > 1 else ""
    return prefix + quoted(word.removeprefix(prefix))


def word(name: str, keywords: Iterable[str]) -> str:
    """How a spec says this very name: in double quotes where the bare word would mean something else."""
    is_group = name.startswith("+") and len(name) > 1
    if is_group or name in tuple(keywords) or named(name) is not None:
        return '"' + name.replace('"', '""') + '"'
    return name


def named(word: str) -> str | None:
    """The name that a word in double quotes stands for; None for a bare word."""
    return word[1:-1].replace('""', '"') if _IN_QUOTES.fullmatch(word) else None


def bare(said: str) -> str:
    """The name that a word speaks of, be it a group's."""
    inner = named(said)
    return said.removeprefix("+") if inner is None else inner


def one_spelling(said: str, keywords: Iterable[str]) -> str:
    """A word of a spec without quotes that change nothing."""
    inner = named(said)
    return said if inner is None else word(inner, keywords)


_IN_QUOTES = re.compile(r'"(?:[^"]|"")+"', re.DOTALL)


def address(text: str) -> str:
    """A network, a host name, or a word such as samehost.

    Raises:
        ValueProblem: it is none of these.
    """
    is_name = _HOST.fullmatch(text) and not text.replace(".", "").isdigit()
    if not is_name and not _is_network(text):
        raise ValueProblem(
            "allowed: a network such as 10.0.0.0/8 or fd00::/8, a host name, samehost, samenet or all"
        )
    return text


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    # a zone may be any text
    return "%" not in text


def option(key: str, value: str) -> str:
    """`key="value"`.

    Raises:
        ValueProblem: the file cannot hold it.
    """
    if not re.fullmatch(OPTION[0], key):
        raise ValueProblem(f"allowed: {OPTION[1]}")
    return f"{key}={quoted(value)}"


def quoted(text: str) -> str:
    """Text in double quotes, which has no other meaning there.

    Raises:
        ValueProblem: the file cannot hold it; the message does not show it, as it may be a secret.
    """
    doubled = refuse(text, ENDS_LINE, "pg_hba.conf").replace('"', '""')
    return f'"{doubled}"'
