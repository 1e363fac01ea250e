"""Each revision up, down and up again, with a stop after each for who asked to look at the database.

What statements lock and rewrite is read in their own transactions, of tables that were there before the revision.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from pgdeploy.layers.migration.child.wording import words_of

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

    def __init__(
        self,
        version_table: str,
        line_now: Callable[[], int],
        place_of: Callable[[Exception], tuple[str, int]],
    ) -> None:
        """`line_now` gives the line at work of the project's files, 0 where none is; `place_of` where it failed: the
        file, empty for the revision's own, and the line."""
        self._tables = _TABLES.format(version_table.replace("'", "''"))
        self._line_now, self.place_of = line_now, place_of
        self._before: dict[int, tuple[int, str]] | None = None
        self._held: set[tuple[int, str]] = set()
        self._busy = False
        self._began = 0.0
        self.found: list[dict[str, Any]] = []

    def begin(self) -> None:
        """Of another revision."""
        self._before, self._held, self.found = None, set(), []

    def ended(self) -> list[dict[str, Any]]:
        """What was found, with for how many seconds it was held: from its statement to the end of the transaction."""
        now = time.monotonic()
        return [{**one, "held": now - one["began"]} for one in self.found]

    def before(self, connection: Any, *_: Any) -> None:
        if not self._busy:
            self._began = time.monotonic()
        if self._before is None and not self._busy:
            self._before = self._read(connection)

    def after(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        line = self._line_now()
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
            what = {"statement": statement, "line": line, "began": self._began}
            self.found.append({**what, "locks": new, "rewrites": rewritten})
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

    def done(revision: str, act: str, run: Callable[[str], None]) -> bool:
        """Whether it was; said, and heard, in either case."""
        said = _tried(run, revision, trace)
        say(revision=revision, act=act, **said, trace=trace.ended() if act == "up" else [])
        wait()
        return not said["failed_with"]

    for revision in revisions:
        trace.begin()
        if not done(revision, "up", up) or (done(revision, "down", down) and not done(revision, "again", up)):
            return


def _tried(run: Callable[[str], None], revision: str, trace: Trace) -> dict[str, Any]:
    try:
        run(revision)
    except Exception as error:  # noqa: BLE001 - it is what is to be found out
        file, line = trace.place_of(error)
        return {"failed_with": words_of(error), "file": file, "line": line}
    return {"failed_with": ""}
