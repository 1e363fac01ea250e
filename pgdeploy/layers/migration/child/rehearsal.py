"""Each revision up, down and up again, with a stop after each for who asked to look at the database.

What statements lock and rewrite is read in their own transactions, of tables that were there before the revision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pgdeploy.layers.migration.child.output import line_at_work
from pgdeploy.layers.migration.child.wording import line_in, words_of

_TABLES = """
SELECT c.oid::int8, c.relfilenode::int8, c.oid::pg_catalog.regclass::text
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relname <> '{}'
"""
_LOCKS = """
SELECT l.relation::int8, l.mode FROM pg_catalog.pg_locks l
WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted
"""
WEAK = {"AccessShareLock", "RowShareLock", "RowExclusiveLock"}
"""What SELECT, INSERT, UPDATE and DELETE take: nobody else's wait for them."""


class Trace:
    """What the statements of one revision lock and rewrite."""

    def __init__(self, version_table: str, files: Sequence[str]) -> None:
        self._tables = _TABLES.format(version_table.replace("'", "''"))
        self.files = set(files)
        self._before: dict[int, tuple[int, str]] | None = None
        self._held: set[tuple[int, str]] = set()
        self._busy = False
        self.found: list[Mapping[str, Any]] = []

    def begin(self) -> None:
        """Of another revision."""
        self._before, self._held, self.found = None, set(), []

    def before(self, connection: Any, *_: Any) -> None:
        if self._before is None and not self._busy:
            self._before = self._read(connection)

    def after(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        line = line_at_work(self.files)
        if self._busy or not line or self._before is None:
            return
        now = self._read(connection)
        self._busy = True
        try:
            held = {(oid, mode) for oid, mode in connection.exec_driver_sql(_LOCKS).all()}
        finally:
            self._busy = False
        new = sorted(
            (self._before[oid][1], mode)
            for oid, mode in held - self._held
            if oid in self._before and mode not in WEAK
        )
        rewritten = sorted(
            name for oid, (file, name) in self._before.items() if oid in now and now[oid][0] != file and file
        )
        if new or rewritten:
            self.found.append({"statement": statement, "line": line, "locks": new, "rewrites": rewritten})
        self._held |= held
        self._before = {oid: now.get(oid, known) for oid, known in self._before.items()}

    def _read(self, connection: Any) -> dict[int, tuple[int, str]]:
        self._busy = True
        try:
            rows = connection.exec_driver_sql(self._tables).all()
            return {oid: (file, name) for oid, file, name in rows}
        finally:
            self._busy = False


def rehearse(
    revisions: Sequence[str],
    up: Callable[[str], None],
    down: Callable[[str], None],
    trace: Trace,
    say: Callable[..., None],
    wait: Callable[[], None],
) -> None:
    """All revisions in order, until one cannot be made: what comes after it stands on it."""
    for revision in revisions:
        trace.begin()
        if not _done(revision, "up", up, say, trace):
            return
        say(revision=revision, act="up", failed_with="", trace=trace.found)
        wait()
        if _done(revision, "down", down, say, trace):
            say(revision=revision, act="down", failed_with="", trace=[])
            wait()
            if not _done(revision, "again", up, say, trace):
                return
            say(revision=revision, act="again", failed_with="", trace=[])
            wait()


def _done(
    revision: str, act: str, run: Callable[[str], None], say: Callable[..., None], trace: Trace
) -> bool:
    try:
        run(revision)
    except Exception as error:  # noqa: BLE001 - it is what is to be found out
        line = line_in(error, trace.files)
        say(revision=revision, act=act, failed_with=words_of(error), line=line, trace=[])
        return False
    return True
