"""Runs in a process of its own: Alembic with the project's env.py and revisions, which are code of the project.

Whatever engine env.py makes, its connections lead to the database of the target, as the declared role; version table,
one transaction a revision and timeouts are the spec's, too. Questions are lines of standard input, which stays open:
when the one who asks is gone, so is this. Answers are lines of JSON in a pipe of their own, as env.py may print.
"""

from __future__ import annotations

import io
import json
import os
import random
import sys
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn

from pgdeploy.layers.migration.child.configuration import configuration
from pgdeploy.layers.migration.child.connection import Attributes, Way, redirect
from pgdeploy.layers.migration.child.output import Output
from pgdeploy.layers.migration.child.rehearsal import Trace, rehearse
from pgdeploy.layers.migration.child.wording import Refused, code_of, place_of, words_of

if TYPE_CHECKING:
    from alembic.script import Script, ScriptDirectory

WAITED = ("55P03", "40P01")
"""Codes of a lock that was not got in time, and of a deadlock: nothing is wrong, and the revision can be run again."""
LONGEST_PAUSE = 5.0
"""Seconds between two tries."""
FAILED = 3
_COMMIT = "COMMIT;\n\n"


class Alembic:
    """One set of scripts, and what was asked of it."""

    def __init__(
        self, question: Mapping[str, Any], answer: io.TextIOWrapper, lines: SimpleQueue[str]
    ) -> None:
        from alembic.script import ScriptDirectory

        self.question, self._answer, self._lines = question, answer, lines
        self.config = configuration(Path(question["path"]))
        self.scripts: ScriptDirectory = ScriptDirectory.from_config(self.config)
        _require_whole(self.scripts)
        self.steps: list[Any] = []
        self.done = 0
        self.output = Output(self.scripts)
        self.ends: list[int] = []

    def say(self, **line: object) -> None:
        self._answer.write(json.dumps(line) + "\n")
        self._answer.flush()

    # -- offline -------------------------------------------------------------------------------------

    def history(self) -> None:
        """Every revision, each after those that it is made from."""
        known = list(self.scripts.walk_revisions())
        self.say(
            result={
                "revisions": [_described(one) for one in reversed(known)],
                "heads": list(self.scripts.get_heads()),
            }
        )

    def sql(self) -> None:
        """The SQL of each revision that is asked for; one that asks the database has none, and the next goes on."""
        left, versions = list(self.question["revisions"]), set(self.question["versions"])
        while left:
            self.output, self.ends = Output(self.scripts), []
            why = self._render(left, sorted(versions))
            for revision, begin, end in zip(left, [0, *self.ends], self.ends, strict=False):
                self._say_sql(revision, begin, end)
            if why is not None and not self.output.lines:
                break  # env.py itself fails, whatever the revision
            done = len(self.ends) + (why is not None)
            for revision in left[:done]:
                versions = (versions - set(_all(self.scripts.get_revision(revision).down_revision))) | {
                    revision
                }
            left = left[done:]
        self.say(result={})

    def _render(self, revisions: Sequence[str], versions: Sequence[str]) -> str | None:
        """Why the first of them that is not in the output has no SQL; None where all are there."""
        from alembic.runtime.migration import MigrationStep

        map_ = self.scripts.revision_map
        steps = [MigrationStep.upgrade_from_script(map_, self.scripts.get_revision(one)) for one in revisions]
        try:
            self._run(lambda rev, _: steps, as_sql=True, output_buffer=self.output, starting_rev=versions)
        except Exception as error:  # noqa: BLE001 - it says why
            return words_of(error)
        return None

    def _say_sql(self, revision: str, begin: int, end: int) -> None:
        """A transaction ends behind the place where the next revision begins."""
        text = self.output.getvalue()
        if text.startswith(_COMMIT, begin):
            begin += len(_COMMIT)
        before = text.count("\n", 0, begin)
        lines = [
            (text.count("\n", 0, at) - before + 1, line)
            for at, line in self.output.lines
            if begin <= at < end
        ]
        self.say(sql=text[begin:end] + _COMMIT, revision=revision, lines=lines)

    def back(self) -> None:
        """The revisions that going down to `to` takes back, and the SQL of that, each as far as it can be said."""
        versions, to = self.question["versions"], self.question["to"]

        def choose(rev: Any, context: Any) -> list[Any]:
            self.steps = list(self.scripts._downgrade_revs(to, rev))
            self.say(back=[step.revision.revision for step in self.steps])
            return self.steps

        try:
            self._run(choose, as_sql=True, output_buffer=self.output, starting_rev=versions)
        finally:
            self.say(sql=self.output.getvalue())
        self.say(result={})

    def new(self) -> None:
        """Write a new revision; `autogenerate` compares the database with the models."""
        from alembic.autogenerate import api

        asked = self.question
        arguments = {
            "message": asked["message"],
            "autogenerate": asked["autogenerate"],
            "sql": False,
            "head": "head",
            "splice": False,
            "branch_label": None,
            "version_path": None,
            "rev_id": None,
            "depends_on": None,
        }
        making = api.RevisionContext(self.config, self.scripts, arguments)
        if asked["autogenerate"]:

            def compare(rev: Any, context: Any) -> list[Any]:
                making.run_autogenerate(rev, context)
                return []

            self._run(compare, template_args=making.template_args, dont_mutate=True)
        made = [one for one in making.generate_scripts() if one is not None]
        self.say(result={"files": [one.path for one in made]})

    # -- online --------------------------------------------------------------------------------------

    def upgrade(self) -> None:
        """The revisions that are asked for, each in a transaction of its own; one that waited for a lock again."""
        self._go(self._upgrades)

    def _upgrades(self, rev: Any, context: Any) -> list[Any]:
        self.steps = self._chosen(rev)
        return self.steps

    def _chosen(self, rev: Any) -> list[Any]:
        """Those that are asked for, up to the first that is not: what comes after it stands on it."""
        asked, chosen = set(self.question["revisions"]), []
        for step in self.scripts._upgrade_revs("heads", rev):
            if step.revision.revision not in asked:
                break
            chosen.append(step)
        return chosen

    def downgrade(self) -> None:
        self._go(self._downgrades)

    def _downgrades(self, rev: Any, context: Any) -> list[Any]:
        self.steps = list(self.scripts._downgrade_revs(self.question["to"], rev))
        return self.steps

    def models(self) -> None:
        """What the database lacks or has beyond the models; None where env.py names no models."""
        from alembic.autogenerate import compare_metadata

        found: list[Any] = []

        def compare(rev: Any, context: Any) -> list[Any]:
            metadata = context.opts.get("target_metadata")
            if metadata is None:
                found.append(None)
            else:
                found.append([_difference(one) for one in compare_metadata(context, metadata)])
            return []

        self._run(compare, dont_mutate=True)
        self.say(result={"differences": found[0]})

    def attempt(self) -> None:
        """Run env.py, and no revision."""
        self._run(lambda rev, _: [], dont_mutate=True)
        self.say(result={})

    def stamp(self) -> None:
        """The version table says that this revision is there, whatever it said, and nothing is run."""
        self._run(lambda rev, _: self.scripts._stamp_revs(self.question["to"], rev), purge=True)
        self.say(result={})

    def rehearse(self) -> None:
        """Each revision up, down and up again; after each of these the next waits for a line."""
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        trace = Trace(self.question["table"], [one.path for one in self.scripts.walk_revisions()])
        event.listen(Engine, "before_cursor_execute", trace.before)
        event.listen(Engine, "after_cursor_execute", trace.after)
        rehearse(self.question["revisions"], self._one_up, self._one_down, trace, self.say, self._wait)
        self.say(result={})

    def _one_up(self, revision: str) -> None:
        from alembic.runtime.migration import MigrationStep

        one = self.scripts.get_revision(revision)
        self._run(lambda rev, _: [MigrationStep.upgrade_from_script(self.scripts.revision_map, one)])

    def _one_down(self, revision: str) -> None:
        from alembic.runtime.migration import MigrationStep

        one = self.scripts.get_revision(revision)
        self._run(lambda rev, _: [MigrationStep.downgrade_from_script(self.scripts.revision_map, one)])

    def _wait(self) -> None:
        self._lines.get()

    def _go(self, choose: Any) -> None:
        tries = 0
        while True:
            self.done = 0
            try:
                self._run(choose)
                break
            except Exception as error:
                tries = 1 if self.done else tries + 1
                if code_of(error) not in WAITED or tries > self.question["retries"]:
                    raise
                self.say(waited=words_of(error), revision=self._at(), tries=tries)
                time.sleep(random.uniform(0.5, 1.0) * min(2.0 ** (tries - 1), LONGEST_PAUSE))  # noqa: S311
        self.say(result={})

    def _at(self) -> str:
        """The revision that failed."""
        return self.steps[self.done].revision.revision if self.done < len(self.steps) else ""

    # -- env.py --------------------------------------------------------------------------------------

    def _run(self, fn: Any, **options: Any) -> None:
        """Run env.py, which runs `fn` in its `context.run_migrations()`."""
        from alembic.runtime.environment import EnvironmentContext

        running = EnvironmentContext(self.config, self.scripts, fn=fn, **options)
        configure = running.configure

        def ours(*words: Any, **more: Any) -> None:
            configure(*words, **(more | self._imposed(more, offline="as_sql" in options)))

        running.configure = ours  # type: ignore[method-assign]
        attributes = Attributes(self.config.attributes)
        if self.question["way"] is not None and "as_sql" not in options:
            self.config.__dict__["attributes"] = attributes
        try:
            with running:
                self.scripts.run_env()
        finally:
            attributes.close()

    def _imposed(self, theirs: Mapping[str, Any], *, offline: bool) -> dict[str, Any]:
        """What env.py's `context.configure()` does not decide."""
        callbacks = theirs.get("on_version_apply") or ()
        known = callbacks if isinstance(callbacks, Sequence) else (callbacks,)
        found = {
            "version_table": self.question["table"],
            "version_table_schema": self.question["schema"],
            "transaction_per_migration": True,
            "on_version_apply": (*known, self._applied),
        }
        if offline:
            found |= {"connection": None, "url": None, "dialect_name": "postgresql", "literal_binds": True}
        return found

    def _applied(self, *, step: Any, **_: Any) -> None:
        self.ends.append(self.output.tell())
        self.done += 1
        if self.question["way"] is not None:
            known = step.up_revision
            self.say(done=known.revision, doc=known.doc or "", upgrade=step.is_upgrade)


def _require_whole(scripts: ScriptDirectory) -> None:
    """Alembic only warns of two files with one revision, and of a revision that no file has.

    Raises:
        Refused: there is one.
    """
    error: Exception | None = None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            list(scripts.walk_revisions())
        except Exception as raised:  # noqa: BLE001 - what Alembic warned of before says more
            error = raised
    twice = next((str(one.message) for one in said if "more than once" in str(one.message)), None)
    if twice is not None:
        raise Refused(f"{twice}: each file has a revision of its own")
    if error is not None:
        raise Refused(str(said[0].message)) if said else error


def _described(one: Script) -> dict[str, Any]:
    return {
        "revision": one.revision,
        "downs": list(_all(one.down_revision)),
        "depends": list(_all(one.dependencies)),
        "labels": sorted(one.branch_labels),
        "doc": one.doc or "",
        "path": one.path,
    }


def _all(names: str | Sequence[str] | None) -> tuple[str, ...]:
    """Alembic has one name, several, or none."""
    return (names,) if isinstance(names, str) else tuple(names or ())


def _difference(one: Any) -> str:
    """One of alembic's differences in a few words: what is to be done to the database."""
    if isinstance(one, list):  # of one column
        return "; ".join(map(_difference, one))
    words = [one[0].replace("_", " ")]
    for part in one[1:]:
        name = getattr(part, "fullname", None) or getattr(part, "name", None)
        if name:
            table = getattr(getattr(part, "table", None), "name", None)
            words.append(f"{table}.{name}" if table and "." not in str(name) else str(name))
        elif isinstance(part, str):
            words.append(part)
    return " ".join(words)


def _listen(lines: SimpleQueue[str]) -> None:
    """What who asks says; nothing goes on for somebody who is gone."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(FAILED)


def main() -> NoReturn:
    """Answer questions until nobody asks, or one failed: what a failure left in this process nobody knows."""
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    question = json.loads(lines.get())
    way = redirect()
    with os.fdopen(question["answer"], "w", encoding="utf-8") as answer:
        while _answered(question, answer, lines, way):
            question = json.loads(lines.get())
    os._exit(FAILED)


def _answered(
    question: Mapping[str, Any], answer: io.TextIOWrapper, lines: SimpleQueue[str], way: Way
) -> bool:
    alembic = None
    try:
        way.question = question
        alembic = Alembic(question, answer, lines)
        getattr(alembic, question["act"])()
    except BaseException as error:  # noqa: BLE001 - whatever the project's code raises is told
        path = Path(question["path"])
        failed = {
            "failed": words_of(error),
            "code": code_of(error),
            "where": place_of(error, str(path if path.is_dir() else path.parent)),
            "revision": alembic._at() if alembic is not None and alembic.steps else "",
        }
        answer.write(json.dumps(failed) + "\n")
        return False
    return True
