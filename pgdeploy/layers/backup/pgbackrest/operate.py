"""Making, listing, verifying and expiring backups with pgBackRest on the host."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError, Unreadable
from pgdeploy.layers.backup.pgbackrest.host import pgbackrest
from pgdeploy.layers.backup.pgbackrest.read import read
from pgdeploy.layers.backup.pgbackrest.timer import BUSY, KINDS
from pgdeploy.layers.backup.pgbackrest.verify import wrong

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdeploy.layers.backup.pgbackrest.contents import Backup, Contents
    from pgdeploy.layers.backup.pgbackrest.target import RecoveryTarget
    from pgdeploy.model.pgbackrest import PgbackrestSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server


def make(
    spec: Spec,
    section: PgbackrestSpec,
    server: Server,
    kind: str,
    note: Callable[[str], None],
    *,
    expire: bool = True,
) -> list[Backup]:
    """A backup in each repository; one that fails leaves the others their turn.

    Without `expire` no older one is removed: after a restore to the wrong moment they are needed once more.

    Raises:
        TargetError: one could not be made, after all were tried.
    """
    failed = []
    for number in _numbers(section):
        note(f"{KINDS[kind]} backup into repository {number}")
        kept = [] if expire else ["--no-expire-auto"]
        done = pgbackrest(server, section, f"--repo={number}", f"--type={kind}", *kept, "backup")
        if done["status"] == BUSY:
            failed.append(f"repository {number}: another backup, or its expiry, is running; try again later")
        elif done["status"]:
            failed.append(f"repository {number}: {done['why']}")
    if failed:
        raise TargetError(*(f"no backup was made: {one}" for one in failed))
    contents = read(spec, section, server)
    return [contents.repository(number).backups[0] for number in _numbers(section)]


def listed(spec: Spec, section: PgbackrestSpec, server: Server) -> tuple[list[Backup], list[str]]:
    """All backups, and what is wrong with repositories that cannot be read."""
    return backups_of(read(spec, section, server), section)


def backups_of(contents: Contents, section: PgbackrestSpec) -> tuple[list[Backup], list[str]]:
    """The same of what was read."""
    found: list[Backup] = []
    unread: list[str] = []
    for number in _numbers(section):
        try:
            repository = contents.repository(number)
        except Unreadable as error:
            unread.append(f"repository {number}: {error}")
            continue
        found += repository.backups
        if not repository.readable:
            unread.append(f"repository {number}: {repository.message}")
    return found, unread


def verified(section: PgbackrestSpec, server: Server, note: Callable[[str], None]) -> list[str]:
    """What is not as it was written, in any repository; each file is read.

    Raises:
        TargetError: a repository could not be verified.
    """
    found = []
    for number in _numbers(section):
        note(f"reading repository {number}")
        done = pgbackrest(server, section, f"--repo={number}", "--output=text", "--verbose", "verify")
        try:
            if done["status"] and "status:" not in done["out"]:
                raise TargetError(done["why"])
            found += [f"repository {number}: {one}" for one in wrong(done["out"])]
        except TargetError as error:
            raise TargetError(f"repository {number}: {error}") from None
    return found


def expired(spec: Spec, section: PgbackrestSpec, server: Server) -> list[Backup]:
    """Remove what `retention:` keeps no longer, in each repository; gives what was removed.

    Raises:
        TargetError: pgBackRest could not.
    """
    before, _ = listed(spec, section, server)
    for number in _numbers(section):
        done = pgbackrest(server, section, f"--repo={number}", "expire")
        if done["status"]:
            raise TargetError(f"repository {number}: {done['why']}")
    after, _ = listed(spec, section, server)
    return [one for one in before if one not in after]


def chosen(contents: Contents, section: PgbackrestSpec, label: str | None, target: RecoveryTarget) -> Backup:
    """The backup of this label, or the newest from which recovery can reach its target.

    Raises:
        TargetError: there is none.
    """
    found, unread = backups_of(contents, section)
    found.sort(key=lambda one: one.ended, reverse=True)
    if not found:
        raise TargetError("no repository holds a backup; make one first: pgdeploy backup NAME now", *unread)
    for one in found:
        if (label is None or one.label == label) and _leads_to(one, target):
            return one
    if label is not None and all(one.label != label for one in found):
        raise TargetError(f"no repository holds a backup {label}; the newest is {found[0].label}")
    oldest = found[-1]
    raise TargetError(
        f"no such backup leads to {target}; the oldest is {oldest.label}, which ended {moment(oldest.ended)}"
    )


def _leads_to(backup: Backup, target: RecoveryTarget) -> bool:
    """Recovery goes forward only, and never back to the timeline that one came from."""
    if target.time is not None and backup.ended > target.time:
        return False
    return not target.timeline.isdecimal() or int(backup.first_wal[:8] or "1", 16) <= int(target.timeline)


def moment(seconds: float) -> str:
    """A time in UTC, as people read it."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _numbers(section: PgbackrestSpec) -> range:
    return range(1, len(section.repositories) + 1)
