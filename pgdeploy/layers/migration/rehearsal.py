"""The rehearsal of migrations: each revision up, down and up again on a server where nothing can be hurt.

The schema is dumped after each: what a way back leaves behind, or takes too much of, shows in no other way.
"""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.errors import TargetError, Unreadable
from pgdeploy.layers.migration.lint import MigrationAdvice, advice_of, weighed
from pgdeploy.layers.migration.plan import may_lose
from pgdeploy.layers.migration.project import ask, database_of, on_server
from pgdeploy.layers.migration.rows import Fixtures, changed, lost
from pgdeploy.reach.program import environment, found_program, way_of
from pgdeploy.secret.place import scrub
from pgdeploy.text.naming import listing
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdeploy.layers.migration.scripts import Revision, Scripts
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

_REWRITES = {"changing-column-type", "adding-field-with-default"}
"""squawk's rules that say that a table is rewritten."""
_LONGEST = 100


class Locked(NamedTuple):
    """What a statement of a revision locks against others, and which tables it writes anew."""

    revision: str
    line: int
    statement: str
    locks: tuple[tuple[str, str], ...]
    rewrites: tuple[str, ...]
    held: float
    """Seconds from the statement to the end of the revision's transaction, with the rows that the rehearsal has."""


class Rehearsed(NamedTuple):
    """What a rehearsal showed: findings, and the locks of each statement."""

    findings: tuple[MigrationAdvice, ...]
    locked: tuple[Locked, ...]
    number: int
    """So many revisions were made."""
    stopped: str = ""
    """The revision that could not be made, or not again; nothing after it was rehearsed."""
    differences: tuple[str, ...] | Unreadable | None = None
    """Between the database that has all of them and the models; None where there are none."""


def rehearse(
    spec: Spec,
    name: str,
    section: MigrationSpec,
    scripts: Scripts,
    server: Server,
    note: Callable[[str], None],
) -> Rehearsed:
    """Rehearse all revisions of one entry, in a database that has none of them.

    Raises:
        TargetError: the database cannot be reached, or pg_dump is missing or fails.
        MissingExtra: Alembic or squawk is not installed.
    """
    question = on_server(spec, name, section, server) | {
        "revisions": [one.revision for one in scripts.revisions]
    }
    by_name = {one.revision: one for one in scripts.revisions}
    fixtures = Fixtures(spec, name, section, scripts, server)
    declared = {revision for revision in by_name if may_lose(section, revision)}
    seen = _Seen(SchemaDump(spec, name, section, server), fixtures, by_name, declared)
    note(f"rehearsing {len(by_name)} revisions, each up, down and up again")
    ask(section, "rehearse", question, seen.hear)
    advised = {(one.file, one.line) for one in advice_of(spec, name, section) if one.rule in _REWRITES}
    findings = [*seen.findings, *_unadvised(seen.locked, by_name, advised)]
    return Rehearsed(tuple(allowed(scripts, findings)), tuple(seen.locked), seen.made, seen.stopped)


def allowed(scripts: Scripts, findings: list[MigrationAdvice]) -> Iterator[MigrationAdvice]:
    """The findings that no comment of a revision silences."""
    for one in scripts.revisions:
        for file in one.files:
            yield from weighed(file, [item for item in findings if item.file == file], unused=False)


def _unadvised(
    locked: Sequence[Locked], by_name: Mapping[str, Revision], advised: set[tuple[str, int]]
) -> Iterator[MigrationAdvice]:
    """Tables that are rewritten although no advice said so."""
    for one in locked:
        path = by_name[one.revision].path
        if one.rewrites and (path, one.line) not in advised:
            message = f"rewrites {listing(one.rewrites)} while nobody can read it, which no advice says"
            yield MigrationAdvice(path, one.line, "table-rewrite", f"{message} ({one.statement})")


class _Seen:
    """Hears what the rehearsal does, and looks at the database after each."""

    def __init__(
        self,
        dumper: SchemaDump,
        fixtures: Fixtures,
        by_name: Mapping[str, Revision],
        may_lose: Collection[str],
    ) -> None:
        self._dump, self._fixtures, self._by_name, self._may_lose = dumper, fixtures, by_name, may_lose
        self._before = self._now = dumper()
        self._rows = fixtures.read()
        self.findings: list[MigrationAdvice] = []
        self.locked: list[Locked] = []
        self.made = 0
        self.stopped = ""
        self._back = True
        """Whether the way back of this revision led back: else what is made again differs for that reason."""

    def hear(self, said: Mapping[str, Any]) -> None:
        if "act" not in said:
            return
        revision, act = said["revision"], said["act"]
        if said["failed_with"]:
            self._find(revision, *_FAILED[act], scrub(said["failed_with"]), said["line"], said["file"])
            if act == "down":
                self._fill(revision)
            else:
                self.stopped = revision
            return
        now = self._dump()
        self._compare_rows(revision, act)
        if act == "up":
            self.made += 1
            self._back = True
            self._before, self._now = self._now, now
            self.locked += [_locked(revision, one) for one in said["trace"]]
        elif act == "down" and now != self._before:
            self._back = False
            self._find(
                revision, "not-taken-back", "downgrade() does not lead back", _difference(self._before, now)
            )
        elif act == "again":
            if self._back and now != self._now:
                words = "made again after downgrade(), it is another schema"
                self._find(revision, "not-repeatable", words, _difference(self._now, now))
            self._now = now
            self._fill(revision)

    def _fill(self, revision: str) -> None:
        """What is there when the next revision comes."""
        self._fixtures.write(revision)
        self._rows = self._fixtures.read()

    def _compare_rows(self, revision: str, act: str) -> None:
        if act == "again":
            return  # what is lost then, was lost before
        now = self._fixtures.read()
        gone = list(lost(self._rows, now))
        if act == "down":
            gone += changed(self._rows, now)
        if gone and revision not in self._may_lose:
            words = {"up": "upgrade() loses", "down": "downgrade() does not bring back"}
            self._find(revision, "rows-lost", words[act], ", ".join(gone))

    def _find(self, revision: str, rule: str, words: str, detail: str, line: int = 1, file: str = "") -> None:
        if self._by_name[revision].is_sql:
            words = words.replace("downgrade()", "the way down").replace("upgrade()", "the way up")
        message = one_line(f"{words}: {detail}")
        self.findings.append(MigrationAdvice(file or self._by_name[revision].path, line, rule, message))


_FAILED = {
    "up": ("fails", "upgrade() fails, and what comes after it was not rehearsed"),
    "down": ("not-taken-back", "downgrade() fails"),
    "again": (
        "not-repeatable",
        "upgrade() fails after downgrade(), and what comes after it was not rehearsed",
    ),
}


def _locked(revision: str, said: Mapping[str, Any]) -> Locked:
    statement = one_line(scrub(" ".join(said["statement"].split()).rstrip("; ")), _LONGEST)
    locks = tuple((table, mode) for table, mode in said["locks"])
    return Locked(revision, said["line"], statement, locks, tuple(said["rewrites"]), said["held"])


def _difference(desired: str, actual: str) -> str:
    """The lines that are there too much, and those that are missing."""
    lines = difflib.unified_diff(desired.splitlines(), actual.splitlines(), lineterm="", n=0)
    shown = [line for line in lines if re.match(r"[+-](?![+-]{2})\s*(?!SET )[^\s-]", line)]
    more = f" and {len(shown) - 4} more lines" if len(shown) > 4 else ""
    return "; ".join(f"{line[0]} {line[1:].strip()}" for line in shown[:4]) + more


class SchemaDump:
    """The schema of the database as pg_dump writes it, but for the version table."""

    def __init__(self, spec: Spec, name: str, section: MigrationSpec, server: Server) -> None:
        database = database_of(name, section)
        with closing(server.open(database)) as connection:
            self._password = connection.info.password or None
            way = way_of(connection, connection.info.user, database)
            major = connection.info.server_version // 10_000
        program = found_program("pg_dump", major)
        self._command = [str(program), "--schema-only", "--no-password", f"--dbname={way}"]
        self._command += [f'--exclude-table=*."{section.version_table}"']

    def __call__(self) -> str:
        done = subprocess.run(
            self._command,
            env=environment(self._password, {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise TargetError(f"{Path(self._command[0]).name}: {one_line(done.stderr.strip())}")
        # a key that is drawn anew each time
        return re.sub(r"^\\(un)?restrict .*\n", "", done.stdout, flags=re.MULTILINE)
