"""pg_hba.conf and the files that it reads, as they are on the server: their rules, and whether they are loaded.

pg_hba_file_rules says how the server reads each line, but not which words are quoted, which makes a name of a
keyword, nor all options. So the text is read too, and both must say the same. PostgreSQL shows nowhere which
rules are loaded: that is told from the times at which its files were changed and read.
"""

from __future__ import annotations

import math
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pgdeploy.connection.file_time import LAG
from pgdeploy.connection.session import deadline
from pgdeploy.connection.side import closing
from pgdeploy.connection.words import told
from pgdeploy.errors import TargetError, Unreadable
from pgdeploy.facts import Facts, Query
from pgdeploy.format import hba_text, pg_hba
from pgdeploy.format.hba_text import Line, Word
from pgdeploy.resources.hbarule import ADDRESS_WORDS, KEYWORDS, USER_KEYWORDS, Auth, Match, network

DEEPEST = 10
"""Files in files, as PostgreSQL itself allows."""

_SECOND = 1_000_000

_LAG = math.ceil(LAG * _SECOND)
_LAG_ELSEWHERE = _SECOND + 10_000
"""Of a file that only the server sees, in microseconds: it tells whole seconds."""


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


class HbaFileFact(NamedTuple):
    """A file or folder. `size` is None when it is absent; `names` are what a folder holds; times in microseconds."""

    file: str
    content: bytes | None
    names: list[str] | None
    size: int | None
    modified: int
    changed: int


class HbaLoadedFact(NamedTuple):
    at: int
    file: str


HBA = Query("hba", HbaFact._make, variants=(16,))
HBA_FILE = Query("hba_file", HbaFileFact._make, variants=(16,))
HBA_LOADED = Query("hba_loaded", HbaLoadedFact._make)
QUERIES = (HBA, HBA_FILE, HBA_LOADED)

_MORE = Query("hba_more", HbaFileFact._make)
"""Files that are known only once others are read."""


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


class Reference(NamedTuple):
    """A word by which one file names another: `include`, or `@` for a list of names."""

    file: str
    line: int
    directive: str
    path: str

    @property
    def text(self) -> str:
        return f"@{self.path}" if self.directive == "@" else f"{self.directive} {self.path}"

    @property
    def target(self) -> str:
        return posixpath.normpath(posixpath.join(posixpath.dirname(self.file), self.path))


# -- files ---------------------------------------------------------------------------------------------


def main_file(facts: Facts) -> str:
    return facts.rows(HBA_LOADED)[0].file


def files(facts: Facts) -> Mapping[str, HbaFileFact]:
    """Every file that the server reads for pg_hba.conf, with folders, and those that are named and absent.

    Raises:
        Unreadable: one cannot be read.
    """
    found = {row.file: row for row in facts.rows(HBA_FILE)}
    unread: Iterable[str] = list(found)
    for _ in range(DEEPEST + 1):
        named = {name for file in unread for name in _named(found[file], facts)} - found.keys()
        if not named:
            break
        new = _fetch(facts, sorted(named))
        found.update((row.file, row) for row in new)
        unread = [row.file for row in new]
    return found


def _named(file: HbaFileFact, facts: Facts) -> Iterator[str]:
    if file.names is not None:
        shown = (name for name in file.names if name.endswith(".conf") and not name.startswith("."))
        yield from (posixpath.join(file.file, name) for name in shown)
    for reference in _references(file, facts):
        yield reference.target


def _references(file: HbaFileFact, facts: Facts) -> Iterator[Reference]:
    for line in _lines(file, facts):
        found = hba_text.include(line) if facts.about.major >= 16 else None
        if found is not None:
            yield Reference(file.file, line.number, found.directive, found.path)
            continue
        for field in line.fields:
            for word in field:
                if word.file is not None:
                    yield Reference(file.file, line.number, "@", word.file)


def references(facts: Facts) -> Sequence[Reference]:
    """What pg_hba.conf itself names: it goes when the file is written anew."""
    return list(_references(facts.once(files)[main_file(facts)], facts))


def _lines(file: HbaFileFact, facts: Facts) -> Sequence[Line]:
    return facts.once(_parsed, file.content or b"")


def _parsed(facts: Facts, content: bytes) -> Sequence[Line]:
    # as names of other encodings are shown
    return list(hba_text.lines(content.decode("utf-8", "backslashreplace")))


def _fetch(facts: Facts, names: list[str]) -> list[HbaFileFact]:
    import psycopg

    server = facts.server
    if server is None:
        raise Unreadable(f"{names[0]} was not read")
    try:
        with (
            told(server.address),
            closing(server.open()) as connection,
            deadline(connection, server.budget, server.address),
        ):
            rows = connection.execute(_MORE.text(facts.about.major), {"names": names}).fetchall()
    except psycopg.Error as error:
        message = error.diag.message_primary or str(error).strip()
        raise Unreadable(f"what pg_hba.conf names could not be read: {message}") from error
    except TargetError as error:
        raise Unreadable(str(error)) from error
    return [_MORE.row(row) for row in rows]


# -- rules ---------------------------------------------------------------------------------------------


def rules(facts: Facts) -> tuple[HbaRule, ...]:
    """The rules in the order in which they count, then the lines that are none.

    Raises:
        Unreadable: the files cannot be read, or not as the server reads them.
    """
    lines = {
        (name, line.number): line for name, file in facts.once(files).items() for line in _lines(file, facts)
    }
    return tuple(_rule(row, lines.get((row.file, row.line)), facts) for row in facts.rows(HBA))


def _rule(row: HbaFact, line: Line | None, facts: Facts) -> HbaRule:
    # of RADIUS servers that it cannot find the server says nothing
    error = row.error or ("" if row.type else "the server cannot read it, and does not say why")
    if error:
        return HbaRule(row.file, row.line, Match("", (), (), None), Auth("", ()), error)
    expanded = [_expanded(row.file, field, facts) for field in line.fields] if line is not None else []
    # to the server an empty list is no field at all
    fields = [field for field in expanded if field]
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


def _expanded(file: str, field: Sequence[Word], facts: Facts, depth: int = 0) -> list[Word]:
    """The words of a field, with those of a file in place of its name."""
    found: list[Word] = []
    for word in field:
        if word.file is None:
            found.append(word)
        elif depth < DEEPEST:
            target = Reference(file, 0, "@", word.file).target
            for line in _lines(facts.once(files)[target], facts):
                for inner in line.fields:
                    found += _expanded(target, inner, facts, depth + 1)
    return found


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


# -- loaded --------------------------------------------------------------------------------------------


def changed_since(facts: Facts) -> str:
    """The file that was changed after the server read its files; empty when all are loaded as they are.

    Raises:
        Unreadable: their times do not tell.
    """
    loaded = facts.rows(HBA_LOADED)[0].at
    known = facts.once(files)
    unknown = ""
    for file in known.values():
        if file.size is None:
            unknown = unknown or _absent(file, loaded, facts)
            continue
        modified, changed, lag = _times(file)
        if modified > loaded and file.names is None:
            return file.file
        if modified + lag > loaded or changed + lag > loaded:
            unknown = unknown or _untold(file, modified, changed, loaded)
    if unknown:
        raise Unreadable(f"{unknown}; SELECT pg_reload_conf() makes sure")
    return ""


def _times(file: HbaFileFact) -> tuple[int, int, int]:
    """When it was modified and changed, and how much later that can have been; exactly where we see the file too."""
    here = _stat(file.file)
    if here is not None and _same(file, here):
        modified, changed = here.st_mtime_ns // 1000, here.st_ctime_ns // 1000
        return modified, _of_folder(file, modified, changed), _LAG
    return file.modified, _of_folder(file, file.modified, file.changed), _LAG_ELSEWHERE


def _stat(path: str) -> os.stat_result | None:
    """What a path of the server is on this machine, which may be another one."""
    try:
        return Path(path).stat()
    except (OSError, ValueError):
        return None


def _of_folder(file: HbaFileFact, modified: int, changed: int) -> int:
    """The rights of a folder change nothing of what is in it."""
    return changed if file.names is None else modified


def _same(file: HbaFileFact, here: os.stat_result) -> bool:
    """Whether a file of our machine is the server's: nobody can set the time of its last change."""
    times = (here.st_mtime_ns // 1_000_000_000, here.st_ctime_ns // 1_000_000_000, here.st_size)
    return times == (file.modified // _SECOND, file.changed // _SECOND, file.size)


def _untold(file: HbaFileFact, modified: int, changed: int, loaded: int) -> str:
    if file.names is not None and modified > loaded:
        return (
            f"files came to {file.file} or went after the server read it, so what it has loaded is not known"
        )
    if changed > loaded:
        return (
            f"{file.file} was put in place, or its owner or mode changed, after the server read its files: "
            "whether it has loaded this content is not known"
        )
    return f"{file.file} was changed in the second in which the server read it: which came first is not known"


def _absent(file: HbaFileFact, loaded: int, facts: Facts) -> str:
    """A file that may be absent, and perhaps was there when the server read the others: its folder says."""
    folder = posixpath.dirname(file.file)
    found = facts.once(_folder, folder)
    if found.size is None:
        return ""
    modified, _, lag = _times(found)
    gone = f"{file.file} is absent, and may have been there when the server read its files"
    return gone if modified + lag > loaded else ""


def _folder(facts: Facts, folder: str) -> HbaFileFact:
    return _fetch(facts, [folder])[0]
