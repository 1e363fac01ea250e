"""squawk, which parses PostgreSQL's SQL: what a revision would lose, and what it advises against."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.secret.place import scrub
from pgdeploy.text.one_line import one_line

_LOSING = frozenset({"DROP_TABLE", "DROP_COLUMN", "DROP_SCHEMA", "DROP_DATABASE", "TRUNCATE", "DELETE"})
_NODE = re.compile(r"^(?P<depth> *)(?P<kind>[A-Z_]+)@(?P<begin>\d+)\.\.(?P<end>\d+)$", re.MULTILINE)
_OF_STATEMENT = 2
"""Blanks before a node that is a whole statement."""
_BEGINS = re.compile(r"(BEGIN|START\s+TRANSACTION)\b", re.IGNORECASE)
_ENDS = re.compile(
    r"(COMMIT|END|PREPARE\s+TRANSACTION|(ROLLBACK|ABORT)(\s+(WORK|TRANSACTION))?(?!\s+(\w+\s+)?TO\b))\b",
    re.IGNORECASE,
)
_BETWEEN = frozenset({"WHITESPACE", "COMMENT"})
_LONGEST = 120


class Advice(NamedTuple):
    """What squawk says of one statement. `line` counts from 1, in the SQL that was given."""

    rule: str
    message: str
    line: int
    statement: str


def lost(sql: str) -> list[str]:
    """The statements that drop or empty what holds data, each on one line, as they are written.

    Raises:
        MissingExtra: squawk is not installed.
        TargetError: it does not know this SQL.
    """
    return list(dict.fromkeys(_losing(_parsed(sql), sql.encode())))


def roles_in(sql: str) -> list[tuple[str, int]]:
    """Roles that are granted something, or own it, each with the line of the SQL. Raises as `lost` does."""
    text = sql.encode()
    found = [(int(one["begin"]), int(one["end"])) for one in _parsed(sql) if one["kind"] == "ROLE_REF"]
    return [(_plain(text[begin:end].decode()), text.count(b"\n", 0, begin) + 1) for begin, end in found]


class Statement(NamedTuple):
    """One statement, with the place in the text at which it begins. What it is, its first words say."""

    text: str
    begin: int

    @property
    def begins(self) -> bool:
        """Whether it begins a transaction."""
        return _BEGINS.match(self.text) is not None

    @property
    def ends(self) -> bool:
        """Whether it ends one; ROLLBACK TO a savepoint does not."""
        return _ENDS.match(self.text) is not None


def statements_of(sql: str) -> list[Statement]:
    """What the text is made of.

    What squawk does not know of a statement is in several parts, of which the last ends with the semicolon: the server
    says what is wrong with it. Raises as `lost` does.
    """
    text = sql.encode()
    found: list[Statement] = []
    begin = end = -1
    for one in _parsed(sql):
        if len(one["depth"]) != _OF_STATEMENT or one["kind"] in _BETWEEN:
            continue
        if begin < 0:
            begin = int(one["begin"])
        end = int(one["end"])
        if text[begin:end].endswith(b";") or one["kind"] == "PSQL_COMMAND":
            found.append(_statement(text, begin, end))
            begin = -1
    if begin >= 0:
        found.append(_statement(text, begin, end))
    return [one for one in found if one.text != ";"]


def _statement(text: bytes, begin: int, end: int) -> Statement:
    return Statement(text[begin:end].decode(), len(text[:begin].decode()))


def _plain(name: str) -> str:
    """A name as PostgreSQL knows it: without quotes as it is, and else in small letters."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _parsed(sql: str) -> list[re.Match[str]]:
    """The nodes of squawk's tree, each with its depth, kind and place in bytes."""
    if not sql.strip():
        return []
    done = _run(["--debug=parse"], sql)
    nodes = list(_NODE.finditer(done))
    if not nodes or nodes[0]["kind"] != "SOURCE_FILE":
        raise TargetError(f"squawk does not parse SQL as it did: {one_line(done, _LONGEST)}")
    return nodes


def _losing(nodes: Sequence[re.Match[str]], text: bytes) -> Iterator[str]:
    """The whole statement of each node that loses something."""
    statement = ""
    for one in nodes:
        if len(one["depth"]) == _OF_STATEMENT:
            shown = text[int(one["begin"]) : int(one["end"])].decode()
            statement = one_line(scrub(" ".join(shown.split()).rstrip("; ")), _LONGEST)
        if one["kind"] in _LOSING:
            yield statement


def advice(sql: str, major: int, folder: Path) -> list[Advice]:
    """What squawk advises against; a .squawk.toml in the folder counts. Raises as `lost` does."""
    if not sql.strip():
        return []
    words = ["--reporter=json", f"--pg-version={major}.0"]
    done = _run(words, sql, folder)
    try:
        said = json.loads(done)
    except ValueError:
        raise TargetError(f"squawk: {one_line(done, _LONGEST)}") from None
    return [_advice(one, sql.splitlines()) for one in said]


def _advice(said: Mapping[str, Any], lines: Sequence[str]) -> Advice:
    begin, end = said["line"], said["line_end"]
    shown = " ".join(" ".join(lines[begin : end + 1]).split()).rstrip("; ")
    return Advice(said["rule_name"], said["message"], begin + 1, one_line(scrub(shown), _LONGEST))


def _run(words: Sequence[str], sql: str, folder: Path | None = None) -> str:
    """What it prints; its exit code is 1 where it has advice."""
    beside = Path(sys.executable).parent / "squawk"
    program = beside if beside.exists() else shutil.which("squawk")
    if program is None:
        raise MissingExtra("migration", "reading the SQL of migrations")
    done = subprocess.run(
        [str(program), *words], input=sql, cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout
