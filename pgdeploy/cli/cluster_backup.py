"""What `pgdeploy backup` does where pgBackRest makes the backups: each act is done on the target's host."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.cli.output import DIFFERENT, OK

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdeploy.gate.gate import ConnectionOptions
    from pgdeploy.gate.target import Target
    from pgdeploy.layers.backup.pgbackrest.contents import Backup
    from pgdeploy.model.pgbackrest import PgbackrestSpec
    from pgdeploy.reach.server import Server

Result = tuple[int, list[str]]
"""Exit code, and what to print."""


def acts_on(
    target: Target,
    section: PgbackrestSpec,
    name: str,
    way: ConnectionOptions,
    label: str | None,
    kind: str,
    note: Callable[[str], None],
) -> dict[str, Callable[[], Result]]:
    """What each word does."""

    def on_host(act: Callable[[Server], Result]) -> Callable[[], Result]:
        def acted() -> Result:
            from pgdeploy.cli.targets import open_gate

            with open_gate(target, way) as gate:
                return act(gate.server)

        return acted

    return {
        "now": on_host(lambda server: _now(target, section, server, kind, note)),
        "list": on_host(lambda server: _list(target, section, server)),
        "verify": on_host(lambda server: _verify(section, server, note)),
        "prove": on_host(lambda server: _prove(target, section, server, label, note)),
        "expire": on_host(lambda server: _expire(target, section, server)),
        "schedule": lambda: _schedule(target, section, name),
    }


def _now(
    target: Target, section: PgbackrestSpec, server: Server, kind: str, note: Callable[[str], None]
) -> Result:
    from pgdeploy.layers.backup.pgbackrest.operate import make

    return OK, [line_of(one) for one in make(target.spec, section, server, kind, note)]


def _list(target: Target, section: PgbackrestSpec, server: Server) -> Result:
    from pgdeploy.layers.backup.pgbackrest.operate import listed

    backups, unread = listed(target.spec, section, server)
    return (DIFFERENT if unread else OK), [*map(line_of, backups), *unread] or ["no backup"]


def _verify(section: PgbackrestSpec, server: Server, note: Callable[[str], None]) -> Result:
    from pgdeploy.layers.backup.pgbackrest.operate import verified

    wrong = verified(section, server, note)
    number = len(section.repositories)
    return (DIFFERENT if wrong else OK), [*wrong, f"repositories read: {number}, faults: {len(wrong)}"]


def _prove(
    target: Target, section: PgbackrestSpec, server: Server, label: str | None, note: Callable[[str], None]
) -> Result:
    from pgdeploy.lifecycle.prove_cluster import prove

    record = prove(target, section, server, label, note)
    return (OK if record.good else DIFFERENT), record.lines


def _expire(target: Target, section: PgbackrestSpec, server: Server) -> Result:
    from pgdeploy.layers.backup.pgbackrest.operate import expired

    gone = [
        f"{one.label}: removed from repository {one.repository}"
        for one in expired(target.spec, section, server)
    ]
    return OK, gone or ["nothing to remove"]


def _schedule(target: Target, section: PgbackrestSpec, name: str) -> Result:
    from pgdeploy.errors import TargetError
    from pgdeploy.layers.backup.crontab import proofs
    from pgdeploy.layers.backup.pgbackrest.timer import timers

    if section.schedule is None:
        raise TargetError(
            f"{target.name} declares no schedule: write `schedule:` or `preset:` into {target.file}"
        )
    program = str(Path(sys.argv[0]).absolute())
    made = f"# backups of {name} are made on its host, by {', '.join(timers(section))}; here they are proved"
    return OK, [made, *proofs(name, section.schedule.prove, program, Path.cwd())]


def line_of(backup: Backup) -> str:
    """One backup for people."""
    from pgdeploy.layers.backup.pgbackrest.operate import moment

    ended, took = moment(backup.ended), backup.ended - backup.started
    place = f"repository {backup.repository}"
    return f"{backup.label}: {place}, ended {ended}, {backup.size} bytes in {took:.0f}s"
