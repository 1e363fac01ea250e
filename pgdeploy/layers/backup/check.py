"""Checks of backups: what is in the repository, compared with what the spec declares."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Measured, Outcome, Resource, held_up, within
from pgdeploy.core.remedy import By, Remedy
from pgdeploy.layers.backup.dump import databases_of
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.backup.repository import Contents
    from pgdeploy.model.backup import BackupSpec
    from pgdeploy.model.spec import Spec

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class _OfRepository(Resource):
    layer: ClassVar[str] = "backup"
    target: str
    spec: Spec
    section: BackupSpec

    def contents(self, facts: Facts) -> Contents:
        """Raises Unreadable: the repository cannot be read."""
        found: Contents = facts.section(self.layer)
        return found

    def _remedy(self, words: str) -> Remedy:
        return Remedy(f"pgdeploy backup {self.target} {words}", By.PGDEPLOY)


@dataclass(frozen=True, slots=True)
class Backups(_OfRepository):
    """The newest backup, and how many there are."""

    kind: ClassVar[str] = "backup"

    def checks(self) -> Iterator[Check]:
        yield self.exists
        yield Check(self, "backup[newest]", "age", ("backup", "recovery", "rpo"), self._age)
        yield Check(self, "backup[newest]", "databases", ("backup", "databases"), self._databases)
        if self.section.encryption is not None:
            keys = ("backup", "encryption")
            yield Check(self, "backup[repository]", "encrypted", keys, self._encrypted)
        yield Check(self, "backup[repository]", "whole", ("backup", "repository"), self._whole)
        yield Check(self, "backup[repository]", "retention", ("backup", "retention"), self._retention)

    @property
    def exists(self) -> Check:
        return Check(self, "backup[newest]", "exists", ("backup",), self._exists)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        waits = check.address == "backup[newest]" and check.field != "exists"
        return held_up(self.exists, facts) if waits else None

    def _exists(self, facts: Facts) -> Outcome:
        backups = self.contents(facts).backups
        actual = backups[0].label if backups else "none"
        return Outcome(bool(backups), "a backup", actual, remedy=self._remedy("now"))

    def _age(self, facts: Facts) -> Outcome:
        newest = self.contents(facts).backups[0]
        limit = self.section.recovery.rpo
        return _aged(newest.started, limit, newest.label, self._remedy("now"))

    def _databases(self, facts: Facts) -> Outcome:
        newest = self.contents(facts).backups[0]
        desired = databases_of(self.spec, self.section)
        missing = [name for name in desired if name not in newest.databases]
        actual = f"without {listing(missing)}" if missing else listing(desired)
        return Outcome(not missing, listing(desired), actual, newest.label, remedy=self._remedy("now"))

    def _encrypted(self, facts: Facts) -> Outcome:
        contents = self.contents(facts)
        desired = "each backup is encrypted, the newest to the declared recipients"
        open_ones = [one.label for one in contents.backups if not one.recipients]
        wrong = [f"{name} is not encrypted" for name in (*open_ones, *contents.plain)]
        recipients = self.section.encryption.recipients if self.section.encryption is not None else ()
        newest = next(iter(contents.backups), None)
        if newest is not None and newest.recipients and set(newest.recipients) != set(recipients):
            wrong.append(f"{newest.label} is encrypted to {listing(newest.recipients)}")
        remedy = Remedy(f"pgdeploy backup {self.target} now; then remove those that are not", By.PERSON)
        return Outcome(not wrong, desired, "; ".join(wrong) or desired, remedy=remedy)

    def _whole(self, facts: Facts) -> Outcome:
        broken = self.contents(facts).broken
        actual = listing(f"{one.label}: {one.why}" for one in broken)
        remedy = "find out what it is, and remove it"
        return Outcome(not broken, "only backups", actual or "only backups", remedy=remedy)

    def _retention(self, facts: Facts) -> Outcome:
        too_old = expired(self.section, self.contents(facts), time.time())
        actual = f"{listing(too_old)} should be gone" if too_old else "kept as declared"
        return Outcome(not too_old, "kept as declared", actual, remedy=self._remedy("expire"))


@dataclass(frozen=True, slots=True)
class Restores(_OfRepository):
    """The last restore that was proved."""

    kind: ClassVar[str] = "restore"

    def checks(self) -> Iterator[Check]:
        yield self.good
        yield Check(self, "backup[restore]", "age", ("backup", "recovery", "restore_every"), self._age)
        yield Check(self, "backup[restore]", "rto", ("backup", "recovery", "rto"), self._took)

    @property
    def good(self) -> Check:
        return Check(self, "backup[restore]", "proved", ("backup", "recovery"), self._good)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return held_up(self.good, facts) if check.field != "proved" else None

    def _good(self, facts: Facts) -> Outcome:
        records = self.contents(facts).records
        remedy = self._remedy("prove")
        if not records:
            return Outcome(False, "the last restore was good", "no restore was tried", remedy=remedy)
        last = records[0]
        actual = f"of {last.label}: {listing(last.failed)}" if last.failed else "the last restore was good"
        return Outcome(last.good, "the last restore was good", actual, remedy=remedy)

    def _age(self, facts: Facts) -> Outcome:
        last = self.contents(facts).records[0]
        return _aged(last.started, self.section.recovery.restore_every, last.label, self._remedy("prove"))

    def _took(self, facts: Facts) -> Outcome:
        last, limit = self.contents(facts).records[0], self.section.recovery.rto
        measured = Measured(last.seconds, "s", at_most=seconds_of(limit))
        remedy = "more jobs, a quicker disk, or smaller databases"
        return within(measured, f"at most {limit}", f"{last.seconds:.1f}s", origin=last.label, remedy=remedy)


def _aged(since: float, limit: str, label: str, remedy: Remedy) -> Outcome:
    """How long ago something was. A time in the future comes from a wrong clock, and proves nothing."""
    age = time.time() - since
    if age < -60:
        return Outcome(
            False, f"at most {limit} ago", f"{-age:.0f}s in the future", label, remedy="set the clock"
        )
    measured = Measured(max(age, 0.0), "s", at_most=seconds_of(limit))
    return within(measured, f"at most {limit} ago", f"{max(age, 0.0):.0f}s ago", origin=label, remedy=remedy)


def expired(section: BackupSpec, contents: Contents, now: float) -> list[str]:
    """Labels of the backups that `retention:` keeps no longer. The newest is always kept."""
    retention, gone = section.retention, []
    for number, backup in enumerate(contents.backups):
        many = retention.count is not None and number >= retention.count
        old = retention.days is not None and now - backup.started > retention.days * _DAY
        if number and (many or old):
            gone.append(backup.label)
    return gone


def backups(target: str, spec: Spec, section: Any) -> tuple[Resource, ...]:
    """All checks of a spec's backups."""
    return (Backups(target, spec, section), Restores(target, spec, section)) if section is not None else ()
