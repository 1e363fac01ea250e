"""Scripts that are numbered files of SQL: each revision that was run has a row in the version table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any, LiteralString

from psycopg import sql

from pgdeploy.layers.migration.child.asked import Asked
from pgdeploy.layers.migration.child.files import Numbered, Script, is_marked, read_files
from pgdeploy.layers.migration.child.rehearsal import Trace
from pgdeploy.layers.migration.child.wording import Refused

if TYPE_CHECKING:
    from sqlalchemy import Connection

_TABLE = """
CREATE TABLE IF NOT EXISTS {} (
    version_num varchar PRIMARY KEY,
    digest text NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.now()
)
"""
_INSERT = "INSERT INTO {} (version_num, digest) VALUES ({}, {})"
_DELETE = "DELETE FROM {} WHERE version_num = {}"
_EMPTY = "DELETE FROM {}"
_VERSIONS = "SELECT version_num FROM {}"


class Files(Asked):
    """One folder of files, and what was asked of it."""

    def __init__(self, question: Mapping[str, Any], answer: IO[str], lines: SimpleQueue[str]) -> None:
        super().__init__(question, answer, lines)
        self._folder = Path(question["path"])
        self._files = read_files(self._folder)
        if not self._files and question["act"] != "new":
            raise Refused(
                f"{self._folder}: has no file NUMBER_NAME.up.sql; `pgdeploy migrate NAME new` writes one"
            )
        self._by_name = {one.revision: one for one in self._files}
        self._names = (question["schema"] or "public", question["table"])
        self._at = ""
        self._line = 0
        self._working: Script | None = None

    @property
    def at(self) -> str:
        return self._at

    def place(self, error: BaseException) -> str:
        if self._working is None:
            return ""
        return f"{self._working.path}:{self._line}" if self._line else str(self._working.path)

    # -- offline -------------------------------------------------------------------------------------

    def history(self) -> None:
        """Every revision; each stands on the one before it."""
        before: list[str] = []
        known = []
        for one in self._files:
            known.append(_described(one, before))
            before = [one.revision]
        self.say(result={"revisions": known, "heads": before})

    def sql(self) -> None:
        """The SQL of each revision that is asked for, as it would be run."""
        versions = list(self.question["versions"])
        for name in self.question["revisions"]:
            one = self._by_name[name]
            head = "" if versions else f"{self._words(_TABLE).strip()};\n\n"
            versions.append(name)
            text, lines = _wrapped(one.up, head, self._insert(one))
            self.say(sql=text, revision=name, lines=lines)
        self.say(result={})

    def back(self) -> None:
        """The revisions that going down to `to` takes back, and the SQL of that."""
        gone = self._above(self.question["versions"])
        self.say(back=[one.revision for one in gone])
        for one in gone:
            self.say(sql=_wrapped(_way_back(one), "", self._delete(one))[0])
        self.say(result={})

    def new(self) -> None:
        """Write files that do nothing yet, in the form of the newest."""
        if self.question["autogenerate"]:
            raise Refused("files of SQL have no models to compare with: leave out --autogenerate")
        number = self._files[-1].number + 1 if self._files else 1
        width = len(self._files[-1].revision) if self._files else 4
        words = re.sub(r"\W+", "_", self.question["message"].lower()).strip("_")
        name = f"{number:0{width}}_{words or 'change'}"
        if is_marked(self._files):
            made = {f"{name}.sql": "-- migrate:up\n\n-- migrate:down\n"}
        else:
            made = {f"{name}.up.sql": "", f"{name}.down.sql": ""}
        for file, text in made.items():
            (self._folder / file).write_text(text, encoding="utf-8")
        self.say(result={"files": [str(self._folder / file) for file in made]})

    def models(self) -> None:
        """There are none."""
        self.say(result={"differences": None})

    # -- online --------------------------------------------------------------------------------------

    def attempt(self) -> None:
        """Nothing that could fail before a revision is run."""
        self.say(result={})

    def upgrade(self) -> None:
        """The revisions that are asked for and are not there, each in a transaction of its own, up to the first that is
        not asked for: what comes after it may stand on it."""
        with _connected() as connection, connection.begin():
            connection.exec_driver_sql(self._words(_TABLE))
        self.again(self._upgrade)

    def _upgrade(self) -> None:
        asked, there = set(self.question["revisions"]), set(self._versions())
        for one in self._files:
            if one.revision in there:
                continue
            if one.revision not in asked:
                return
            self._up(one.revision)
            self._tell(one.revision, upgrade=True)

    def downgrade(self) -> None:
        """Down to the revision that stays: chosen once, as `-2` means two whatever has to be run again."""
        gone = self._above(self._versions())

        def run() -> None:
            there = set(self._versions())
            for one in gone:
                if one.revision in there:
                    self._down(one.revision)
                    self._tell(one.revision, upgrade=False)

        self.again(run)

    def stamp(self) -> None:
        """The version table says that this revision and those before it are there, and nothing is run."""
        there = self._to(self.question["to"])
        with _connected() as connection, connection.begin():
            connection.exec_driver_sql(self._words(_TABLE))
            connection.exec_driver_sql(self._words(_EMPTY))
            for one in there:
                connection.exec_driver_sql(self._insert(one))
        self.say(result={})

    def rehearse(self) -> None:
        with _connected() as connection, connection.begin():
            connection.exec_driver_sql(self._words(_TABLE))
        trace = Trace(self.question["table"], lambda: self._line, lambda _: self._failed())
        self.rehearsed(self._up, self._down, trace)

    def _failed(self) -> tuple[str, int]:
        return (str(self._working.path), self._line) if self._working is not None and self._line else ("", 1)

    # -- one revision --------------------------------------------------------------------------------

    def _up(self, name: str) -> None:
        self._run(self._by_name[name], self._by_name[name].up, self._insert(self._by_name[name]))

    def _down(self, name: str) -> None:
        one = self._by_name[name]
        self._run(one, _way_back(one), self._delete(one))

    def _run(self, one: Numbered, script: Script, last: str) -> None:
        """In a session of its own: what a script sets there is gone with it."""
        self._at, self._working, self._line = one.revision, script, 0
        with _connected(alone=script.alone) as connection, connection.begin():
            for statement in script.statements:
                self._line = script.line_of(statement)
                connection.exec_driver_sql(statement.text)
            self._line = 0
            connection.exec_driver_sql("RESET ROLE")
            connection.exec_driver_sql(last)

    def _tell(self, name: str, *, upgrade: bool) -> None:
        self.done += 1
        self.say(done=name, doc=self._by_name[name].doc, upgrade=upgrade)

    def _insert(self, one: Numbered) -> str:
        return self._words(_INSERT, one.revision, one.digest)

    def _delete(self, one: Numbered) -> str:
        return self._words(_DELETE, one.revision)

    def _words(self, statement: LiteralString, *values: str) -> str:
        """A statement about the version table, as it is written."""
        return (
            sql.SQL(statement).format(sql.Identifier(*self._names), *map(sql.Literal, values)).as_string(None)
        )

    def _versions(self) -> list[str]:
        with _connected() as connection:
            return [str(name) for (name,) in connection.exec_driver_sql(self._words(_VERSIONS))]

    def _above(self, versions: Sequence[str]) -> list[Numbered]:
        """What is there and goes, the newest first. Raises Refused: there is no such revision."""
        to = str(self.question["to"])
        there = [one for one in reversed(self._files) if one.revision in set(versions)]
        if to.startswith("-"):
            return there[: int(to[1:])]
        if to == "base":
            return there
        stays = {one.number for one in self._to(to)}
        return [one for one in there if one.number not in stays]

    def _to(self, revision: str) -> tuple[Numbered, ...]:
        """This revision and those before it; all or none for heads and base. Raises Refused: there is none."""
        if revision in ("heads", "head"):
            return self._files
        if revision == "base":
            return ()
        if revision not in self._by_name:
            raise Refused(f"{self._folder}: has no revision {revision}")
        return tuple(one for one in self._files if one.number <= self._by_name[revision].number)


@contextmanager
def _connected(*, alone: bool = False) -> Iterator[Connection]:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine("postgresql+psycopg://", poolclass=NullPool)
    with engine.connect() as connection:
        options = {"isolation_level": "AUTOCOMMIT"} if alone else {}
        yield connection.execution_options(no_parameters=True, **options)


def _way_back(one: Numbered) -> Script:
    """Raises Refused: there is none."""
    if one.down is None:
        raise Refused(f"{one.revision} has no way down: write its .down.sql, or restore a backup")
    return one.down


def _wrapped(script: Script, head: str, last: str) -> tuple[str, list[tuple[int, int]]]:
    """The text as it would be run, and for lines of it the line of the file that they are."""
    begin, end = ("", "") if script.alone else ("BEGIN;\n", "COMMIT;\n")
    before = head + begin
    body = f"{script.body.rstrip(';')};\n" if script.body else ""
    at = before.count("\n") + 1
    number = body.count("\n")
    lines = [(1, 0), *((at + n, script.first + n) for n in range(number)), (at + number, 0)]
    return f"{before}{body}{last};\n{end}\n", lines


def _described(one: Numbered, before: Sequence[str]) -> dict[str, Any]:
    return {
        "revision": one.revision,
        "downs": list(before),
        "depends": [],
        "labels": [],
        "doc": one.doc,
        "path": str(one.up.path),
        "digest": one.digest,
        "has_down": one.down is not None and not one.down.is_empty,
        "down_path": "" if one.down is None or one.down.path == one.up.path else str(one.down.path),
    }
