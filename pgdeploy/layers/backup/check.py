"""Checks of backups: what is in the repository, compared with what the spec declares."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, held_up
from pgdeploy.core.remedy import By, Remedy
from pgdeploy.layers.backup.aged import aged
from pgdeploy.layers.backup.dump import databases_of
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.backup.repository import Contents
    from pgdeploy.model.backup import DumpSpec
    from pgdeploy.model.spec import Spec

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Backups(Resource):
    """The newest backup, and how many there are."""

    layer: ClassVar[str] = "backup"
    kind: ClassVar[str] = "backup"
    target: str
    spec: Spec
    section: DumpSpec

    def contents(self, facts: Facts) -> Contents:
        """Raises Unreadable: the repository cannot be read."""
        found: Contents = facts.section(self.layer)
        return found

    def _remedy(self, words: str) -> Remedy:
        return Remedy(f"pgdeploy backup {self.target} {words}", By.PGDEPLOY)

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
        return aged(time.time() - newest.started, limit, newest.label, self._remedy("now"))

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


def expired(section: DumpSpec, contents: Contents, now: float) -> list[str]:
    """Labels of the backups that `retention:` keeps no longer. The newest is always kept."""
    retention, gone = section.retention, []
    for number, backup in enumerate(contents.backups):
        many = retention.count is not None and number >= retention.count
        old = retention.days is not None and now - backup.started > retention.days * _DAY
        if number and (many or old):
            gone.append(backup.label)
    return gone
