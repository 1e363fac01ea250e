"""The rules of pg_hba.conf and of the files that it reads, as they are on the server.

pg_hba_file_rules says how the server reads each line, but not which words are quoted, which makes a name of a
keyword, nor all options. So the text is read too, and both must say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pgdeploy.core.facts import Facts, Query
from pgdeploy.errors import Unreadable
from pgdeploy.layers.server import authfile
from pgdeploy.layers.server.authfile import AuthFile, FileFact, LoadedFact, expanded, lines
from pgdeploy.model.hbarule import ADDRESS_WORDS, KEYWORDS, USER_KEYWORDS, Auth, Match, network
from pgdeploy.postgres import pg_hba
from pgdeploy.postgres.hba_text import Line, Word


class HbaFact(NamedTuple):
    """A line as the server reads it. `error` is set when it is no rule."""

    file: str
    line: int
    type: str | None
    database: list[str] | None
    user: list[str] | None
    address: str | None
    netmask: str | None
    method: str | None
    error: str | None


HBA = Query("hba", HbaFact._make, variants=(16,))
HBA_FILE = Query("hba_file", FileFact._make, variants=(16,))
HBA_LOADED = Query("hba_loaded", LoadedFact._make)
QUERIES = (HBA, HBA_FILE, HBA_LOADED)

HBA_CONF = AuthFile("pg_hba.conf", HBA_FILE, HBA_LOADED)


class HbaRule(NamedTuple):
    """A rule of the server's files, or a line that should be one."""

    file: str
    line: int
    match: Match
    auth: Auth
    error: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def rules(facts: Facts) -> tuple[HbaRule, ...]:
    """The rules in the order in which they count, then the lines that are none.

    Raises:
        Unreadable: the files cannot be read, or not as the server reads them.
    """
    known = lines(facts, HBA_CONF)
    return tuple(_rule(row, known.get((row.file, row.line)), facts) for row in facts.rows(HBA))


def beyond_own(facts: Facts) -> tuple[HbaRule, ...]:
    """The same without the lines by which pgdeploy itself comes into an embedded server."""
    own, main = facts.server.own_hba_lines if facts.server else 0, authfile.main_file(facts, HBA_CONF)
    return tuple(rule for rule in facts.once(rules) if rule.line > own or rule.file != main)


def _rule(row: HbaFact, line: Line | None, facts: Facts) -> HbaRule:
    # of RADIUS servers that it cannot find the server says nothing
    error = row.error or ("" if row.type else "the server cannot read it, and does not say why")
    if error:
        return HbaRule(row.file, row.line, Match("", (), (), None), Auth("", ()), error)
    found = [expanded(facts, HBA_CONF, row.file, field) for field in line.fields] if line is not None else []
    # to the server an empty list is no field at all
    fields = [field for field in found if field]
    # type, database, user; address and perhaps a mask; method
    at = 3 + (row.type != "local") + (row.netmask is not None and "/" not in _first(fields, 3).text)
    if not _agree(row, fields, at):
        raise Unreadable(
            f"{row.file}:{row.line}: the server's rule is not the one of the file; was it changed just now?"
        )
    match = Match(
        _first(fields, 0).text,
        tuple(_meant(word, KEYWORDS) for word in fields[1]),
        tuple(_meant(word, USER_KEYWORDS) for word in fields[2]),
        _address(row, fields),
    )
    written = tuple(word.text for field in fields[at + 1 :] for word in field)
    return HbaRule(row.file, row.line, match, Auth(_first(fields, at).text, written), "")


def _first(fields: Sequence[Sequence[Word]], at: int) -> Word:
    return fields[at][0] if at < len(fields) and fields[at] else Word("", False)


def _agree(row: HbaFact, fields: Sequence[Sequence[Word]], at: int) -> bool:
    """Whether the server read the same words."""
    method = _first(fields, at).text
    pairs = [(row.type, _first(fields, 0).text), (row.method, "peer" if row.method == "peer" else method)]
    if (
        len(fields) <= at
        or len(fields[1]) != len(row.database or ())
        or len(fields[2]) != len(row.user or ())
    ):
        return False
    pairs += zip(row.database or (), (word.text for word in fields[1]), strict=True)
    pairs += zip(row.user or (), (word.text for word in fields[2]), strict=True)
    # in a database of another encoding the server's words look otherwise
    return all(one == other for one, other in pairs if (one or "").isascii() and other.isascii())


def _meant(word: Word, keywords: Sequence[str]) -> str:
    if word.quoted:
        return pg_hba.word(word.text, keywords)
    # a bare word in quotes of its own would be taken for a quoted one
    return pg_hba.word(word.text, ()) if pg_hba.named(word.text) is not None else word.text


def _address(row: HbaFact, fields: Sequence[Sequence[Word]]) -> str | None:
    if row.address is None:
        return None
    if row.netmask is None and _first(fields, 3).quoted:
        return pg_hba.word(row.address.lower(), ADDRESS_WORDS)
    return network(row.address, row.netmask)
