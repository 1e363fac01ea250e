"""The lines of crontab(5) that make the backups of a target and prove them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from pgdeploy.model.backup import WORDS, ScheduleSpec


def lines(name: str, schedule: ScheduleSpec, program: str, folder: Path) -> Iterator[str]:
    """Lines for the crontab of the user who makes backups. They print nothing but errors, which cron sends by mail.

    `program` is pgdeploy, `folder` the one in which the target has its name.
    """
    yield f"# backups of {name}"
    now, expire = ([program, "backup", name, word, "--quiet"] for word in ("now", "expire"))
    yield _line(schedule.backup, folder, now, expire)
    yield from proofs(name, schedule.prove, program, folder)


def proofs(name: str, times: str, program: str, folder: Path) -> Iterator[str]:
    """The line that proves the newest backup."""
    yield _line(times, folder, [program, "backup", name, "prove", "--quiet"])


def _line(times: str, folder: Path, *commands: list[str]) -> str:
    """A `%` would end the command and begin its input."""
    parts = [["cd", str(folder)], *commands]
    command = " && ".join(map(shlex.join, parts)).replace("%", r"\%")
    return f"{WORDS.get(times, times)} {command}"
