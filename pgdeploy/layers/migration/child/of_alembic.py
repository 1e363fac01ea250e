"""Scripts of Alembic, with the project's env.py."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any

from pgdeploy.layers.migration.child.asked import Asked
from pgdeploy.layers.migration.child.configuration import configuration
from pgdeploy.layers.migration.child.connection import Attributes
from pgdeploy.layers.migration.child.output import Output, line_at_work
from pgdeploy.layers.migration.child.rehearsal import Trace
from pgdeploy.layers.migration.child.wording import Refused, line_in, words_of

if TYPE_CHECKING:
    from alembic.script import Script, ScriptDirectory

_COMMIT = "COMMIT;\n\n"


class Alembic(Asked):
    """One set of scripts, and what was asked of it."""

    def __init__(self, question: Mapping[str, Any], answer: IO[str], lines: SimpleQueue[str]) -> None:
        from alembic.script import ScriptDirectory

        super().__init__(question, answer, lines)
        self.config = configuration(Path(question["path"]))
        self.scripts: ScriptDirectory = ScriptDirectory.from_config(self.config)
        _require_whole(self.scripts)
        self.steps: list[Any] = []
        self.taken_back: list[Any] | None = None
        self.output = Output(self.scripts)
        self.ends: list[int] = []

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
        self.again(lambda: self._run(self._upgrades))

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
        """Chosen once, as `-2` means two whatever has to be run again."""
        self.again(lambda: self._run(self._downgrades))

    def _downgrades(self, rev: Any, context: Any) -> list[Any]:
        if self.taken_back is None:
            self.taken_back = list(self.scripts._downgrade_revs(self.question["to"], rev))
        there = self._with_all_below(rev)
        self.steps = [step for step in self.taken_back if step.revision.revision in there]
        return self.steps

    def _with_all_below(self, revisions: Sequence[str]) -> set[str]:
        """These revisions, and all that they stand on."""
        found: set[str] = set()
        left = list(_all(revisions))
        while left:
            name = left.pop()
            if name not in found:
                one = self.scripts.get_revision(name)
                found.add(one.revision)
                left += [*_all(one.down_revision), *_all(one.dependencies)]
        return found

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
        files = {one.path for one in self.scripts.walk_revisions()}
        trace = Trace(
            self.question["table"], lambda: line_at_work(files), lambda error: ("", line_in(error, files))
        )
        self.rehearsed(self._one_up, self._one_down, trace)

    def _one_up(self, revision: str) -> None:
        from alembic.runtime.migration import MigrationStep

        one = self.scripts.get_revision(revision)
        self._run(lambda rev, _: [MigrationStep.upgrade_from_script(self.scripts.revision_map, one)])

    def _one_down(self, revision: str) -> None:
        from alembic.runtime.migration import MigrationStep

        one = self.scripts.get_revision(revision)
        self._run(lambda rev, _: [MigrationStep.downgrade_from_script(self.scripts.revision_map, one)])

    @property
    def at(self) -> str:
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
