"""The units of systemd that make backups: one service and one timer for each kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.host.file import HEADER, HostFile
from pgdeploy.layers.host.layout import Layout
from pgdeploy.model.backup import WORDS
from pgdeploy.text.calendar import on_calendar

if TYPE_CHECKING:
    from pgdeploy.model.pgbackrest import PgbackrestSpec
    from pgdeploy.model.spec import Spec

KINDS = {"full": "full", "diff": "differential", "incr": "incremental"}
"""pgBackRest's words, and the spec's."""
BUSY = 50
"""pgBackRest's exit code where another backup is being made: then this one is not missed."""


def unit(kind: str) -> str:
    """The name of a timer, without its ending."""
    return f"pgdeploy-backup-{kind}"


def timers(section: PgbackrestSpec) -> tuple[str, ...]:
    """The names of all timers, with their ending."""
    kinds = section.schedule.of_kinds if section.schedule is not None else ()
    return tuple(f"{unit(kind)}.timer" for kind in kinds)


def unit_files(spec: Spec, section: PgbackrestSpec) -> Iterator[HostFile]:
    """A service and a timer for each kind of backup that the schedule has.

    Raises:
        ValueProblem: systemd has no word for its times.
    """
    if section.schedule is None:
        return
    for kind, times in section.schedule.of_kinds.items():
        yield _file(f"{unit(kind)}.service", _service(spec, section, kind))
        yield _file(f"{unit(kind)}.timer", _timer(kind, times))


def _file(name: str, text: str) -> HostFile:
    return HostFile(f"/etc/systemd/system/{name}", HEADER + text)


def _service(spec: Spec, section: PgbackrestSpec, kind: str) -> str:
    """Each repository has its turn, also after one that failed."""
    numbers = " ".join(str(number) for number in range(1, len(section.repositories) + 1))
    command = (
        f"pgbackrest --stanza={section.stanza} --repo=$$repo --type={kind} --log-level-console=warn backup"
    )
    script = (
        f"failed=0; for repo in {numbers}; do {command} || [ $$? = {BUSY} ] || failed=1; done; exit $$failed"
    )
    return (
        f"[Unit]\nDescription={KINDS[kind].capitalize()} backup by pgBackRest, stanza {section.stanza}\n"
        f"After={Layout(spec).unit}\n\n"
        f"[Service]\nType=oneshot\nUser=postgres\nGroup=postgres\nExecStart=/bin/sh -c '{script}'\n"
    )


def _timer(kind: str, times: str) -> str:
    calendar = on_calendar(WORDS.get(times, times))
    return (
        f"[Unit]\nDescription=When the {KINDS[kind]} backup by pgBackRest is made\n\n"
        f"[Timer]\nOnCalendar={calendar}\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
    )
