"""The lines of pg_ident.conf and of the files that it reads, as they are on the server.

pg_ident_file_mappings says how the server reads each line, but not whether a role is quoted, which makes a name of
`all` or of a group. So the text is read too, and both must say the same. Before PostgreSQL 15, which brought that view,
there is the text alone, and the server is asked of each regular expression whether it can read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.errors import InvalidRegularExpression

from pgdeploy.core.facts import Facts, Query
from pgdeploy.errors import Unreadable
from pgdeploy.layers.server.authfile import AuthFile, FileFact, LoadedFact, asking, expanded, lines, main_file
from pgdeploy.model.ident import Mapped
from pgdeploy.postgres import hba_text, pg_ident
from pgdeploy.postgres.hba_text import Line, Word

SINCE = 15
"""The first version with pg_ident_file_mappings: before it the text alone is read."""


class IdentFact(NamedTuple):
    """A line as the server reads it. `error` is set when it maps nothing."""

    file: str
    line: int
    map: str | None
    system: str | None
    role: str | None
    error: str | None


_WORDS = 3

Texts = Mapping[tuple[str, int], Line]
"""Lines by file and number."""

IDENT = Query("ident", IdentFact._make, variants=(16,), since=SINCE)
IDENT_FILE = Query("ident_file", FileFact._make, variants=(16,))
IDENT_LOADED = Query("ident_loaded", LoadedFact._make)
QUERIES = (IDENT, IDENT_FILE, IDENT_LOADED)

IDENT_CONF = AuthFile("pg_ident.conf", IDENT_FILE, IDENT_LOADED)


class IdentLine(NamedTuple):
    """A line of the server's files, or one that should map something."""

    file: str
    line: int
    mapping: Mapped
    error: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def mappings(facts: Facts) -> tuple[IdentLine, ...]:
    """The lines in the order in which they count, then those that map nothing.

    Raises:
        Unreadable: the files cannot be read, or not as the server reads them.
    """
    known = lines(facts, IDENT_CONF)
    rows = facts.rows(IDENT) if facts.about.major >= SINCE else list(_read_here(facts, known))
    return tuple(_mapping(row, known.get((row.file, row.line)), facts) for row in rows)


def _read_here(facts: Facts, known: Texts) -> Iterator[IdentFact]:
    """The lines as PostgreSQL 14 reads them, which does not show how."""
    main = main_file(facts, IDENT_CONF)
    fields = {
        number: [[word.text for word in expanded(facts, IDENT_CONF, file, field)] for field in line.fields]
        for (file, number), line in known.items()
        if file == main
    }
    systems = {words[1][0] for words in fields.values() if len(words) >= _WORDS and words[1]}
    broken = _broken(facts, sorted(system for system in systems if pg_ident.is_regex(system)))
    for number, words in fields.items():
        several = any(len(field) != 1 for field in words[:_WORDS])
        if len(words) < _WORDS or several:
            fault = "multiple values in ident field" if several else "missing entry at end of line"
            yield IdentFact(main, number, None, None, None, fault)
        else:
            (map_name,), (system,), (role,) = words[:_WORDS]
            yield IdentFact(main, number, map_name, system, role, broken.get(system))


def patterns(text: str) -> list[str]:
    """The regular expressions of a file in which each line has its three words, as ours have."""
    systems = [line.fields[1][0].text for line in hba_text.lines(text)]
    return [system for system in systems if pg_ident.is_regex(system)]


def _broken(facts: Facts, asked: Sequence[str]) -> Mapping[str, str]:
    if not asked:
        return {}
    with asking(facts, "whether the server takes the regular expressions of pg_ident.conf") as connection:
        return broken(connection, asked)


def broken(connection: Connection[Any], asked: Sequence[str]) -> Mapping[str, str]:
    """Regular expressions, with their slash, that the server cannot read, and what it says of each."""
    found: dict[str, str] = {}
    for pattern in asked:
        try:
            connection.execute("SELECT '' OPERATOR(pg_catalog.~) %s::pg_catalog.text", [pattern[1:]])
        except InvalidRegularExpression as error:
            found[pattern] = error.diag.message_primary or str(error)
    return found


def _mapping(row: IdentFact, line: Line | None, facts: Facts) -> IdentLine:
    error = row.error or ("" if row.map is not None else "the server cannot read it, and does not say why")
    if error:
        return IdentLine(row.file, row.line, Mapped("", "", ""), error)
    fields = (
        [expanded(facts, IDENT_CONF, row.file, field) for field in line.fields] if line is not None else []
    )
    words = [field[0] for field in fields if field]
    if not _agree(row, words):
        raise Unreadable(
            f"{row.file}:{row.line}: the server's line is not the one of the file; was it changed just now?"
        )
    map_name, system, role = words[:3]
    said = pg_ident.role_as_said(role.text, quoted=role.quoted, major=facts.about.major)
    return IdentLine(row.file, row.line, Mapped(map_name.text, system.text, said), "")


def _agree(row: IdentFact, words: Sequence[Word]) -> bool:
    """Whether the server read the same words; in a database of another encoding they look otherwise."""
    pairs = zip((row.map, row.system, row.role), (word.text for word in words), strict=False)
    return len(words) >= 3 and all(
        one == other for one, other in pairs if (one or "").isascii() and other.isascii()
    )
