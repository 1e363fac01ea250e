"""Running migrations: one transaction a revision, alone on the server, and then the version table is read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.migration.alembic import ask, on_server
from pgdeploy.layers.migration.process import MigrationError
from pgdeploy.layers.migration.reading import read_all
from pgdeploy.layers.server.guard import alone
from pgdeploy.text.counted import counted
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.step import Step
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

Note = Callable[[str], None]


def run_steps(
    spec: Spec, sections: Mapping[str, MigrationSpec], steps: Sequence[Step], server: Server, note: Note
) -> None:
    """Take the steps of a plan.

    Raises:
        ApplyError: another apply is running on this server.
        TargetError: a revision failed: nothing of it is there, and those before it are.
    """
    by_name: dict[str, list[str]] = {}
    for step in steps:
        by_name.setdefault(step.payload.name, []).append(step.payload.revision)
    with alone(server):
        for name, revisions in by_name.items():
            upgrade(spec, name, sections[name], revisions, server, note)


def upgrade(
    spec: Spec, name: str, section: MigrationSpec, revisions: Sequence[str], server: Server, note: Note
) -> None:
    """These revisions, in their order; what is there already is left alone."""
    question = on_server(spec, name, section, server) | {"revisions": list(revisions)}
    done = _run(name, section, "upgrade", question, len(revisions), note)
    fact = read_all({name: section}, server)[name]
    pending = {one.revision for one in fact.known_scripts.pending(fact.known_database.versions or ())}
    if lost := [one for one in done if one in pending]:
        raise TargetError(
            f"{quoted_name(name)}: revision {lost[0]} was run, and the version table does not say so: env.py did not "
            "commit it",
            "begin no transaction before context.begin_transaction(), such as by connection.execute(), or commit that",
        )


def downgrade(spec: Spec, name: str, section: MigrationSpec, to: str, server: Server, note: Note) -> None:
    """Down to this revision, which stays: its id, -1 for one step, or base."""
    with alone(server):
        _run(name, section, "downgrade", on_server(spec, name, section, server) | {"to": to}, 0, note)


def stamp(spec: Spec, name: str, section: MigrationSpec, to: str, server: Server) -> None:
    """The version table says that this revision is there; nothing is run."""
    with alone(server):
        ask(section, "stamp", on_server(spec, name, section, server) | {"to": to})


def _run(
    name: str, section: MigrationSpec, act: str, question: Mapping[str, Any], number: int, note: Note
) -> list[str]:
    """The revisions that were run."""
    done: list[str] = []

    def hear(line: Mapping[str, Any]) -> None:
        if "done" in line:
            done.append(line["done"])
            doc = f": {line['doc']}" if line["doc"] else ""
            what = "upgraded to" if line["upgrade"] else "took back"
            note(f"{quoted_name(name)}: {what} {line['done']}{doc}")
        elif "waited" in line:
            note(f"{quoted_name(name)}: revision {line['revision']} is run again: {line['waited']}")

    try:
        ask(section, act, question, hear)
    except MigrationError as error:
        of = f" of {number}" if number else ""
        state = f"done: {counted(len(done), 'revision')}{of}; nothing of the one that failed is there"
        advice = "when the reason is gone, run it again: it goes on from there"
        if error.code == "55P03":
            advice = "somebody holds a lock that it needs (pg_locks, pg_stat_activity); " + advice
        raise TargetError(f"{quoted_name(name)}: {error.lines[0]}", state, advice) from error
    return done
