"""Checks of backups by pgBackRest: repositories, WAL, configuration, timers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Measured, Outcome, Resource, held_up, same, within
from pgdeploy.core.remedy import By, Remedy
from pgdeploy.layers.backup.aged import aged
from pgdeploy.layers.backup.pgbackrest.config import FILE, config_file
from pgdeploy.layers.backup.pgbackrest.timer import timers
from pgdeploy.layers.server.setting import Setting
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.backup.pgbackrest.contents import Contents, Repository
    from pgdeploy.model.pgbackrest import PgbackrestSpec, PlaceSpec
    from pgdeploy.model.spec import Spec

_DAY = 86_400
_SEGMENT = re.compile("[0-9A-F]{24}")


@dataclass(frozen=True, slots=True)
class _OfCluster(Resource):
    layer: ClassVar[str] = "backup"
    kind: ClassVar[str] = "backup"
    target: str
    spec: Spec
    section: PgbackrestSpec

    def contents(self, facts: Facts) -> Contents:
        """Raises Unreadable, Inapplicable: the host was not asked."""
        found: Contents = facts.section(self.layer)
        return found

    def _deploy(self, before: str = "") -> Remedy:
        words = f"pyinfra inventory.py pyinfra_deploys/pg01.py --limit {self.target} puts it right"
        return Remedy(f"{before}{words}", By.DEPLOY)

    def _now(self) -> Remedy:
        return Remedy(f"pgdeploy backup {self.target} now", By.PGDEPLOY)


@dataclass(frozen=True, slots=True)
class Place(_OfCluster):
    """One repository: it can be read, what is in it, how old that is."""

    number: int
    place: PlaceSpec

    def checks(self) -> Iterator[Check]:
        keys = ("backup", "repositories", self.number - 1)
        yield self.reachable
        if self.place.passphrase is not None:
            yield Check(self, self._name("repository"), "encrypted", (*keys, "passphrase"), self._encrypted)
        yield Check(self, self._name("repository"), "retention", (*keys, "retention"), self._retention)
        yield Check(self, self._name("newest"), "age", ("backup", "recovery", "newest"), self._newest)
        yield Check(self, self._name("full"), "age", ("backup", "recovery", "full"), self._full)
        yield Check(self, self._name("newest"), "whole", keys, self._whole)
        yield Check(self, self._name("wal"), "stored", keys, self._stored)

    @property
    def reachable(self) -> Check:
        keys = ("backup", "repositories", self.number - 1)
        return Check(self, self._name("repository"), "reachable", keys, self._reachable)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return held_up(self.reachable, facts) if check.field != "reachable" else None

    def _name(self, thing: str) -> str:
        return f"backup[{thing} {self.number}]"

    def _here(self, facts: Facts) -> Repository:
        return self.contents(facts).repository(self.number)

    def _reachable(self, facts: Facts) -> Outcome:
        here = self._here(facts)
        remedy = self._deploy("see what pgBackRest says of it; where its stanza is missing, ")
        return Outcome(here.readable, "pgBackRest reads it", here.message or "no answer", remedy=remedy)

    def _encrypted(self, facts: Facts) -> Outcome:
        actual = self._here(facts).cipher
        remedy = (
            "a repository keeps the cipher that it was made with: make a new one, and remove this one then"
        )
        return same("aes-256-cbc", actual, remedy=remedy)

    def _retention(self, facts: Facts) -> Outcome:
        kept, full = self.place.retention, self._fulls(facts)
        if kept.days is None:
            # a restore makes one more, so that a second restore finds those from before the first
            most = (kept.count or 0) + 1
            desired, actual = f"at most {most} full backups", f"{len(full)} full backups"
            return Outcome(len(full) <= most, desired, actual, remedy=self._expire)
        # one that is older than that is kept, or nothing could be restored to the first of these days
        limit = self.contents(facts).now - kept.days * _DAY
        old = [one.label for one in full if one.ended < limit][1:]
        desired = f"full backups of {kept.days} days, and one before"
        return Outcome(
            not old, desired, f"{listing(old)} should be gone" if old else desired, remedy=self._expire
        )

    @property
    def _expire(self) -> Remedy:
        return Remedy(f"pgdeploy backup {self.target} expire", By.PGDEPLOY)

    def _fulls(self, facts: Facts) -> list[Any]:
        return [one for one in self._here(facts).backups if one.kind == "full"]

    def _newest(self, facts: Facts) -> Outcome:
        return self._aged(facts, list(self._here(facts).backups), self.section.recovery.newest)

    def _full(self, facts: Facts) -> Outcome:
        return self._aged(facts, self._fulls(facts), self.section.recovery.full)

    def _aged(self, facts: Facts, backups: list[Any], limit: str) -> Outcome:
        if not backups:
            return Outcome(False, f"at most {limit} ago", "no backup", remedy=self._now())
        now = self.contents(facts).now
        return aged(now - backups[0].ended, limit, backups[0].label, self._now())

    def _whole(self, facts: Facts) -> Outcome:
        wrong = [one.label for one in self._here(facts).backups if one.errors]
        remedy = "pages of the server have wrong checksums: look into its log, and restore what is broken"
        desired = "no page with a wrong checksum"
        return Outcome(
            not wrong, desired, f"such pages in {listing(wrong)}" if wrong else desired, remedy=remedy
        )

    def _stored(self, facts: Facts) -> Outcome:
        """What the server takes for archived is there: an archive_command that does nothing succeeds, too."""
        last, here = self.contents(facts).server.last_wal, self._here(facts).last_wal
        # the label of a backup begins with a file of WAL; a history file does not
        segment = found[0] if (found := _SEGMENT.match(last)) else ""
        desired = f"WAL up to {segment}" if segment else "WAL that was archived"
        remedy = self._deploy("what is between them is lost, so make a backup; ")
        actual = f"WAL up to {here}" if here else "no WAL"
        # timelines are the first 8 digits: on a new one names are later, too
        return Outcome(here >= segment, desired, desired if here >= segment else actual, remedy=remedy)


@dataclass(frozen=True, slots=True)
class Wal(_OfCluster):
    """WAL leaves the server in time, and the settings that make it so are in effect."""

    def checks(self) -> Iterator[Check]:
        yield Check(self, "backup[wal]", "archiving", ("backup", "engine"), self._archiving)
        yield Check(self, "backup[wal]", "lag", ("backup", "recovery", "rpo"), self._lag)
        declared = {name.lower() for name in self.spec.settings}
        for name, desired in self.section.host_settings.items():
            if name not in declared:
                yield Check(
                    self, "backup[setting]", name, ("backup", "engine"), self._comparing(name, desired)
                )

    def _archiving(self, facts: Facts) -> Outcome:
        server, desired = self.contents(facts).server, "the last file of WAL was archived"
        if server.mode not in ("on", "always"):
            return Outcome(False, desired, f"archive_mode is {server.mode}", remedy=self._deploy())
        if server.failed_ago is not None and (
            server.archived_ago is None or server.failed_ago < server.archived_ago
        ):
            actual = f"archiving of {server.failed_wal} failed {server.failed_ago:.0f}s ago"
            return Outcome(False, desired, actual, remedy="the server's log says why")
        actual = (
            desired if server.archived_ago is not None else "none was archived since statistics were reset"
        )
        return same(desired, actual, remedy=f"pgdeploy backup {self.target} now archives one")

    def _lag(self, facts: Facts) -> Outcome:
        ready, limit = self.contents(facts).value("ready"), self.section.recovery.rpo
        measured = Measured(float(ready["oldest"]), "s", at_most=seconds_of(limit))
        actual = f"{ready['number']} files wait, the oldest for {ready['oldest']:.0f}s"
        return within(measured, f"waits at most {limit}", actual, remedy="the server's log says why")

    def _comparing(self, name: str, desired: Any) -> Callable[[Facts], Outcome]:
        def compare(facts: Facts) -> Outcome:
            (check,) = Setting(name, desired, ("backup", "engine")).checks()
            return replace(check.compare(facts), remedy=self._deploy())

        return compare


@dataclass(frozen=True, slots=True)
class OnHost(_OfCluster):
    """The configuration, and the timers."""

    def checks(self) -> Iterator[Check]:
        yield Check(self, "backup[configuration]", "text", ("backup",), self._text)
        yield Check(self, "backup[configuration]", "access", ("backup",), self._access)
        for name in timers(self.section):
            address = f"backup[{name.removesuffix('.timer').removeprefix('pgdeploy-backup-')} timer]"
            keys = ("backup", "schedule")
            yield Check(self, address, "active", keys, self._timer(name, _active))
            yield Check(self, address, "last", keys, self._timer(name, _last))

    def _text(self, facts: Facts) -> Outcome:
        found, desired = self.contents(facts).value("config"), config_file(self.spec, self.section).text
        actual = "absent" if found is None else _difference(desired, found["text"])
        if found is not None and found["others"]:
            actual = f"{listing(found['others'])} is read, too"
        return same("as declared", actual, origin=FILE, remedy=self._deploy())

    def _access(self, facts: Facts) -> Outcome:
        found, file = self.contents(facts).value("config"), config_file(self.spec, self.section)
        actual = "absent" if found is None else f"{found['owner']}:{found['group']} {found['mode']}"
        return same(f"{file.owner}:{file.group} {file.mode}", actual, origin=FILE, remedy=self._deploy())

    def _timer(self, name: str, told: Callable[[Any], tuple[str, str]]) -> Callable[[Facts], Outcome]:
        def compare(facts: Facts) -> Outcome:
            desired, actual = told(self.contents(facts).value("timers")[name])
            why = f"why: journalctl -u {name.replace('.timer', '.service')}; " if desired == "success" else ""
            return same(desired, actual, remedy=self._deploy(why))

        return compare


def _active(timer: Any) -> tuple[str, str]:
    """It runs now and after the next boot."""
    if timer["load"] != "loaded":
        return "active, enabled", timer["load"]
    return "active, enabled", f"{timer['active']}, {timer['enabled'] or 'no such unit'}"


def _last(timer: Any) -> tuple[str, str]:
    return "success", timer["result"]


def _difference(desired: str, actual: str) -> str:
    """The first line in which the texts differ; secrets are masked in both."""
    if desired == actual:
        return "as declared"
    ours, theirs = _lines(desired), _lines(actual)
    more = [f"{line} is not declared" for line in theirs if line not in ours]
    missing = [f"without {line}" for line in ours if line not in theirs]
    return next(iter((*more, *missing)), "as declared")


def _lines(text: str) -> list[str]:
    """Comments, empty lines and the order of options mean nothing to pgBackRest."""
    plain = (line.strip() for line in text.splitlines())
    return [
        "=".join(part.strip() for part in line.split("=", 1)) for line in plain if line and line[0] != "#"
    ]


def clusters(target: str, spec: Spec, section: PgbackrestSpec) -> tuple[Resource, ...]:
    """All checks of what pgBackRest does."""
    places = (
        Place(target, spec, section, number, place) for number, place in enumerate(section.repositories, 1)
    )
    return (*places, Wal(target, spec, section), OnHost(target, spec, section))
