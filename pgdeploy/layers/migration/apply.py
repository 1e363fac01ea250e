"""Running migrations: one transaction a revision, alone on the server, and then the version table is read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.migration.process import MigrationError
from pgdeploy.layers.migration.project import ask, database_of, on_server
from pgdeploy.layers.migration.reading import read_all, require_own_table
from pgdeploy.layers.migration.watch import Watch
from pgdeploy.layers.server.guard import alone
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.text.counted import counted
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.step import Step
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

Note = Callable[[str], None]


def run_steps(
    spec: Spec,
    sections: Mapping[str, MigrationSpec],
    steps: Sequence[Step],
    server: Server,
    note: Note,
    *,
    downtime: bool,
) -> None:
    """Take the steps of a plan; with `downtime` each keeps others off its tables for as long as it takes.

    Raises:
        ApplyError: another apply is running on this server.
        TargetError: a revision failed: nothing of it is there, and those before it are.
    """
    by_name: dict[str, list[str]] = {}
    for step in steps:
        by_name.setdefault(step.payload.name, []).append(step.payload.revision)
    with alone(server):
        for name, revisions in by_name.items():
            upgrade(spec, name, sections[name], revisions, server, note, downtime=downtime)


def upgrade(
    spec: Spec,
    name: str,
    section: MigrationSpec,
    revisions: Sequence[str],
    server: Server,
    note: Note,
    *,
    downtime: bool,
) -> None:
    """These revisions, in their order; what is there already is left alone."""
    require_own_table(spec, name, section, server)
    question = on_server(spec, name, section, server) | {"revisions": list(revisions)}
    with _watch(name, section, server, downtime=downtime) as watch:
        done = _run(name, section, "upgrade", question, len(revisions), note, watch)
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
    require_own_table(spec, name, section, server)
    question = on_server(spec, name, section, server) | {"to": to}
    with alone(server), _watch(name, section, server, downtime=True) as watch:
        _run(name, section, "downgrade", question, 0, note, watch)


def _watch(name: str, section: MigrationSpec, server: Server, *, downtime: bool) -> Watch:
    limit = None if section.max_lock is None or downtime else seconds_of(section.max_lock)
    return Watch(lambda: server.open(database_of(name, section)), limit)


def stamp(spec: Spec, name: str, section: MigrationSpec, to: str, server: Server) -> None:
    """The version table says that this revision is there; nothing is run."""
    require_own_table(spec, name, section, server)
    with alone(server):
        ask(section, "stamp", on_server(spec, name, section, server) | {"to": to})


def _run(
    name: str,
    section: MigrationSpec,
    act: str,
    question: Mapping[str, Any],
    number: int,
    note: Note,
    watch: Watch,
) -> list[str]:
    """The revisions that were run."""
    done: list[str] = []

    def hear(line: Mapping[str, Any]) -> None:
        if "done" in line:
            done.append(line["done"])
            doc = f": {line['doc']}" if line["doc"] else ""
            what = "upgraded to" if line["upgrade"] else "took back"
            seen = watch.seen()
            note(f"{quoted_name(name)}: {what} {line['done']}{doc}{seen and f' ({seen})'}")
        elif "waited" in line:
            note(f"{quoted_name(name)}: revision {line['revision']} is run again: {line['waited']}")

    try:
        ask(section, act, question, hear)
    except MigrationError as error:
        of = f" of {number}" if number else ""
        state = f"done: {counted(len(done), 'revision')}{of}; nothing of the one that failed is there"
        advice = "when the reason is gone, run it again: it goes on from there"
        if watch.stopped:
            why = f"it kept others off {watch.stopped} for longer than max_lock, {section.max_lock}, and was stopped"
            where = f"{quoted_name(name)}: revision {error.revision}: {why}"
            raise TargetError(where, state, "with --allow-downtime it may take its time") from error
        if error.code == "55P03":
            advice = "somebody holds a lock that it needs (pg_locks, pg_stat_activity); " + advice
        raise TargetError(f"{quoted_name(name)}: {error.lines[0]}", state, advice) from error
    return done
