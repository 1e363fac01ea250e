"""What `pgbackrest verify` found: its exit status says nothing, so its words are read."""

from __future__ import annotations

import re

from pgdeploy.errors import TargetError

_OF_WHAT = re.compile(r"\s+(archiveId: \S+?|backup: \S+?), (?:status: (\S+?), )?total")
_COUNTS = re.compile(r"(missing|checksum invalid|size invalid|other): (\d+)")


def wrong(said: str) -> list[str]:
    """What it names, each with its counts; nothing where all is as it was written.

    Raises:
        TargetError: it is no report, or one that names no backup and no WAL: then nothing was verified.
    """
    states = re.findall(r"^status: (\S+)", said, re.MULTILINE)
    found, what, seen = list[str](), "", 0
    for line in said.splitlines():
        if match := _OF_WHAT.match(line):
            what, state = match.groups()
            seen += 1
            if state not in (None, "valid"):
                found.append(f"{what} is {state}")
        elif counts := [f"{number} {name}" for name, number in _COUNTS.findall(line) if number != "0"]:
            found.append(f"{what}: {', '.join(counts)}")
    if not states or not seen:
        raise TargetError("pgbackrest verify gave no report, so nothing was verified")
    if not found and any(state != "ok" for state in states):
        found.append(f"status {', '.join(states)}")
    return found
