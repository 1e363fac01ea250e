"""pg_hba.conf and pg_ident.conf with the files that they read, as they are on the server: texts, and whether loaded.

The server's views say how it reads each line, but not which words are quoted. So the text is read too, and both must
say the same. PostgreSQL shows nowhere which lines are loaded: that is told from the times at which its files were
changed and read.
"""

from __future__ import annotations

import math
import os
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.core.check import Outcome
from pgdeploy.core.facts import Facts, Query
from pgdeploy.core.remedy import NOTHING, By, Remedy
from pgdeploy.errors import TargetError, Unreadable
from pgdeploy.postgres import hba_text
from pgdeploy.postgres.hba_text import Line, Word
from pgdeploy.reach.file_time import LAG
from pgdeploy.reach.server_message import as_target_error
from pgdeploy.reach.session import deadline
from pgdeploy.reach.side_by_side import closing
from pgdeploy.text.naming import listing
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    from psycopg import Connection

DEEPEST = 10
"""Files in files, as PostgreSQL itself allows."""

_SECOND = 1_000_000

_LAG = math.ceil(LAG * _SECOND)
_LAG_ELSEWHERE = _SECOND + 10_000
"""Of a file that only the server sees, in microseconds: it tells whole seconds."""


class FileFact(NamedTuple):
    """A file or folder. `size` is None when it is absent; `names` are what a folder holds; times in microseconds."""

    file: str
    content: bytes | None
    names: list[str] | None
    size: int | None
    modified: int
    changed: int


class LoadedFact(NamedTuple):
    at: int
    file: str


class AuthFile(NamedTuple):
    """One of the two: what it is called, its text and what it includes, and when the server read it from where."""

    name: str
    text: Query[FileFact]
    loaded: Query[LoadedFact]


_MORE = Query("auth_more", FileFact._make)
"""Files that are known only once others are read."""


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


def main_file(facts: Facts, auth: AuthFile) -> str:
    return facts.rows(auth.loaded)[0].file


def files(facts: Facts, auth: AuthFile) -> Mapping[str, FileFact]:
    """Every file that the server reads for this one, with folders, and those that are named and absent.

    Raises:
        Unreadable: one cannot be read.
    """
    found = {row.file: row for row in facts.rows(auth.text)}
    unread: Iterable[str] = list(found)
    for _ in range(DEEPEST + 1):
        named = {name for file in unread for name in _named(found[file], facts)} - found.keys()
        if not named:
            break
        new = _fetch(facts, auth, sorted(named))
        found.update((row.file, row) for row in new)
        unread = [row.file for row in new]
    return found


def _named(file: FileFact, facts: Facts) -> Iterator[str]:
    if file.names is not None:
        shown = (name for name in file.names if name.endswith(".conf") and not name.startswith("."))
        yield from (posixpath.join(file.file, name) for name in shown)
    for reference in _references(file, facts):
        yield reference.target


def _references(file: FileFact, facts: Facts) -> Iterator[Reference]:
    for line in _lines(file, facts):
        found = hba_text.include(line) if facts.about.major >= 16 else None
        if found is not None:
            yield Reference(file.file, line.number, found.directive, found.path)
            continue
        for field in line.fields:
            for word in field:
                if word.file is not None:
                    yield Reference(file.file, line.number, "@", word.file)


def references(facts: Facts, auth: AuthFile) -> Sequence[Reference]:
    """What the file itself names: it goes when the file is written anew."""
    return list(_references(facts.once(files, auth)[main_file(facts, auth)], facts))


def reached(facts: Facts, auth: AuthFile, name: str) -> frozenset[str]:
    """A file or folder that the file names, with all that the server reads because of it."""
    known = facts.once(files, auth)
    found: set[str] = set()
    unread = [name] if name in known else []
    while unread:
        file = unread.pop()
        found.add(file)
        unread += [inner for inner in _named(known[file], facts) if inner in known and inner not in found]
    return frozenset(found)


def taken_out(facts: Facts, auth: AuthFile, kept: Collection[tuple[str, str]] = ()) -> tuple[str, ...]:
    """What goes when the file is written anew, with what the spec has; `kept`: directives and targets that stay."""
    return tuple(
        one_line(
            f"line {found.line} of {auth.name} goes ({found.text}); {found.target} stays, and is read no more"
        )
        for found in references(facts, auth)
        if (found.directive, found.target) not in kept
    )


def remedy(facts: Facts, auth: AuthFile, kept: Collection[tuple[str, str]] = ()) -> Remedy:
    """Why the file is not ours to write, and who does; nothing where it is. `kept` as for `taken_out`."""
    if facts.server is not None and facts.server.can_write_hba:
        return NOTHING
    if facts.has("host"):
        written = f"pyinfra_deploys/pg01.py writes {auth.name} from the spec, then reloads"
        return Remedy("; ".join([written, *taken_out(facts, auth, kept)]), By.DEPLOY)
    return Remedy(
        f"{auth.name} is not ours to write over a database connection; "
        "put the file that `pgdeploy plan` prints on the server, then reload"
    )


def lines(facts: Facts, auth: AuthFile) -> Mapping[tuple[str, int], Line]:
    """Every line of all its files that says something, by file and number."""
    return {
        (name, line.number): line
        for name, file in facts.once(files, auth).items()
        for line in _lines(file, facts)
    }


def expanded(facts: Facts, auth: AuthFile, file: str, field: Sequence[Word], depth: int = 0) -> list[Word]:
    """The words of a field, with those of a file in place of its name."""
    found: list[Word] = []
    for word in field:
        if word.file is None:
            found.append(word)
        elif depth < DEEPEST:
            target = Reference(file, 0, "@", word.file).target
            for line in _lines(facts.once(files, auth)[target], facts):
                for inner in line.fields:
                    found += expanded(facts, auth, target, inner, depth + 1)
    return found


def _lines(file: FileFact, facts: Facts) -> Sequence[Line]:
    return facts.once(_parsed, file.content or b"")


def _parsed(facts: Facts, content: bytes) -> Sequence[Line]:
    # as names of other encodings are shown
    return list(hba_text.lines(content.decode("utf-8", "backslashreplace")))


def _fetch(facts: Facts, auth: AuthFile, names: list[str]) -> list[FileFact]:
    with asking(facts, f"what {auth.name} names") as connection:
        rows = connection.execute(_MORE.text(facts.about.major), {"names": names}).fetchall()
    return [_MORE.row(row) for row in rows]


@contextmanager
def asking(facts: Facts, what: str) -> Iterator[Connection[Any]]:
    """A session for what can be asked only once the files are read.

    Raises:
        Unreadable: these facts were saved, the server cannot be asked, or does not answer in time.
    """
    import psycopg

    server = facts.server
    if server is None:
        raise Unreadable(f"{what} was not read")
    try:
        with (
            as_target_error(server.address),
            closing(server.open()) as connection,
            deadline(connection, server.budget, server.address),
        ):
            yield connection
    except psycopg.Error as error:
        message = error.diag.message_primary or str(error).strip()
        raise Unreadable(f"{what} could not be read: {message}") from error
    except TargetError as error:
        raise Unreadable(str(error)) from error


# -- loaded --------------------------------------------------------------------------------------------


def compare_loaded(facts: Facts, auth: AuthFile, wrong: Sequence[str], why: Remedy | str) -> Outcome:
    """Whether the server has loaded the file, of which it cannot read these lines; `why` as `remedy` says it.

    Raises:
        Unreadable: the times of its files do not tell.
    """
    desired, file = "loaded, without errors", main_file(facts, auth)
    if wrong:
        return Outcome(False, desired, listing(wrong), file, remedy=why)
    changed = changed_since(facts, auth)
    named = "the file" if changed == file else changed
    actual = f"{named} was changed since the server read it" if changed else "loaded"
    # for a file that only waits, a reload is enough, and that is ours to ask for
    return Outcome(not changed, desired, actual, changed or file)


def changed_since(facts: Facts, auth: AuthFile) -> str:
    """The file that was changed after the server read its files; empty when all are loaded as they are.

    Raises:
        Unreadable: their times do not tell.
    """
    loaded = facts.rows(auth.loaded)[0].at
    known = facts.once(files, auth)
    unknown = ""
    for file in known.values():
        if file.size is None:
            unknown = unknown or _absent(file, loaded, facts, auth)
            continue
        modified, changed, lag = _times(file)
        if modified > loaded and file.names is None:
            return file.file
        if modified + lag > loaded or changed + lag > loaded:
            unknown = unknown or _untold(file, modified, changed, loaded)
    if unknown:
        raise Unreadable(f"{unknown}; SELECT pg_reload_conf() makes sure")
    return ""


def _times(file: FileFact) -> tuple[int, int, int]:
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


def _of_folder(file: FileFact, modified: int, changed: int) -> int:
    """The rights of a folder change nothing of what is in it."""
    return changed if file.names is None else modified


def _same(file: FileFact, here: os.stat_result) -> bool:
    """Whether a file of our machine is the server's: nobody can set the time of its last change."""
    times = (here.st_mtime_ns // 1_000_000_000, here.st_ctime_ns // 1_000_000_000, here.st_size)
    return times == (file.modified // _SECOND, file.changed // _SECOND, file.size)


def _untold(file: FileFact, modified: int, changed: int, loaded: int) -> str:
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


def _absent(file: FileFact, loaded: int, facts: Facts, auth: AuthFile) -> str:
    """A file that may be absent, and perhaps was there when the server read the others: its folder says."""
    folder = posixpath.dirname(file.file)
    found = facts.once(_folder, auth, folder)
    if found.size is None:
        return ""
    modified, _, lag = _times(found)
    gone = f"{file.file} is absent, and may have been there when the server read its files"
    return gone if modified + lag > loaded else ""


def _folder(facts: Facts, auth: AuthFile, folder: str) -> FileFact:
    return _fetch(facts, auth, [folder])[0]
