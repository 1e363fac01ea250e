"""The lines of pg_ident.conf and of the files that it reads, as they are on the server.

pg_ident_file_mappings says how the server reads each line, but not whether a role is quoted, which makes a name of
`all` or of a group. So the text is read too, and both must say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pgdeploy.check import name
from pgdeploy.errors import Unreadable
from pgdeploy.facts import Facts, Query
from pgdeploy.format import pg_ident
from pgdeploy.format.hba_text import Line, Word
from pgdeploy.resources.authfile import AuthFile, FileFact, LoadedFact, expanded, lines

SINCE = 15
"""The first version with pg_ident_file_mappings."""


class IdentFact(NamedTuple):
    """A line as the server reads it. `error` is set when it maps nothing."""

    file: str
    line: int
    map: str | None
    system: str | None
    role: str | None
    error: str | None


IDENT = Query("ident", IdentFact._make, variants=(16,), since=SINCE)
IDENT_FILE = Query("ident_file", FileFact._make, variants=(16,), since=SINCE)
IDENT_LOADED = Query("ident_loaded", LoadedFact._make, since=SINCE)
QUERIES = (IDENT, IDENT_FILE, IDENT_LOADED)

IDENT_CONF = AuthFile("pg_ident.conf", IDENT_FILE, IDENT_LOADED)


class Mapping(NamedTuple):
    """What a line says: a user of the system may be a role, where a rule of pg_hba.conf names the map."""

    map: str
    system: str
    role: str

    @property
    def text(self) -> str:
        return f"{name(self.map)}: {name(self.system)} as {name(self.role)}"


class IdentLine(NamedTuple):
    """A line of the server's files, or one that should map something."""

    file: str
    line: int
    mapping: Mapping
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
    return tuple(_mapping(row, known.get((row.file, row.line)), facts) for row in facts.rows(IDENT))


def _mapping(row: IdentFact, line: Line | None, facts: Facts) -> IdentLine:
    error = row.error or ("" if row.map is not None else "the server cannot read it, and does not say why")
    if error:
        return IdentLine(row.file, row.line, Mapping("", "", ""), error)
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
    return IdentLine(row.file, row.line, Mapping(map_name.text, system.text, said), "")


def _agree(row: IdentFact, words: Sequence[Word]) -> bool:
    """Whether the server read the same words; in a database of another encoding they look otherwise."""
    pairs = zip((row.map, row.system, row.role), (word.text for word in words), strict=False)
    return len(words) >= 3 and all(
        one == other for one, other in pairs if (one or "").isascii() and other.isascii()
    )
