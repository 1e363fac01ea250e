"""Units of systemd: they run, start at boot, and do not go round in restarts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, same
from pgdeploy.core.remedy import Remedy
from pgdeploy.errors import Inapplicable
from pgdeploy.layers.host import package
from pgdeploy.layers.host.layout import EXPORTER_PACKAGE, EXPORTER_UNIT
from pgdeploy.layers.host.resource import HostResource, container, entry, not_in_container, section
from pgdeploy.text.counted import counted
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.spec.place import Keys


LOOP = 3
"""Restarts of systemd's own from which it is a loop, when the last was no longer ago than `SETTLED`."""
SETTLED = 300
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Service(HostResource):
    """One unit. `oneshot` ones leave their work behind and need not be running."""

    kind: ClassVar[str] = "service"
    declared: DeclaredHost
    unit: str
    package: str
    keys: Keys
    oneshot: bool = False

    @property
    def address(self) -> str:
        return f"service[{quoted_name(self.unit.removesuffix('.service'), dotted=True)}]"

    def checks(self) -> Iterator[Check]:
        if not self.oneshot:
            yield Check(self, self.address, "active", self.keys, self._active)
        yield Check(self, self.address, "enabled", self.keys, self._enabled)
        if not self.oneshot:
            yield Check(self, self.address, "restarts", self.keys, self._restarts)

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        if check.field != "enabled" and container(facts) and self._fact(facts)["skipped"]:
            return "systemd does not start it in this container (a condition of the unit)"
        return None

    def parents(self, check: Check) -> Iterator[Check]:
        yield from package.installed(self.declared, self.package)
        if check.field == "restarts":
            yield next(self.checks())

    def _fact(self, facts: Facts) -> Any:
        return entry(facts, "units", self.unit)

    def _active(self, facts: Facts) -> Outcome:
        known = self._fact(facts)
        # a masked unit may run on, until the next boot: that is the other check's to say
        actual = known["active"] if known["load"] in ("loaded", "masked") else known["load"]
        if actual == "failed":
            actual = f"failed ({known['result']})"
        masked = f"systemctl unmask {self.unit}; " if known["load"] == "masked" else ""
        remedy = f"{masked}systemctl start {self.unit}; why it stopped: journalctl -u {self.unit}"
        return same("active", actual, origin=known["path"], remedy=self.declared.remedy(f"{remedy}; "))

    def _enabled(self, facts: Facts) -> Outcome:
        actual = self._fact(facts)["file_state"] or "no such unit"
        if self.unit == self.declared.layout.unit and actual not in ("enabled", "masked"):
            actual = self._debian(facts)
        return same("enabled", actual, remedy=self.declared.remedy())

    def _debian(self, facts: Facts) -> str:
        """Debian's clusters start with postgresql.service, and start.conf says whether."""
        start, whole = section(facts, "start"), section(facts, "units")["postgresql.service"]["file_state"]
        if start != "auto":
            return f"start.conf says {start}" if start else "no start.conf"
        return "enabled" if whole == "enabled" else f"postgresql.service is {whole or 'no unit'}"

    def _restarts(self, facts: Facts) -> Outcome:
        known = self._fact(facts)
        loops = known["restarts"] >= LOOP and (known["age"] or 0) < SETTLED
        ago = f"{counted(known['restarts'], 'restart')}, the last {round(known['age'] or 0)} s ago"
        remedy = f"journalctl -u {self.unit} says why it ends"
        return Outcome(not loops, "it stays up", ago if loops else "it stays up", remedy=remedy)


@dataclass(frozen=True, slots=True)
class Limits(HostResource):
    """What systemd gives the running server."""

    kind: ClassVar[str] = "service"
    declared: DeclaredHost

    def checks(self) -> Iterator[Check]:
        limits = self.declared.host.limits
        if limits is None:
            return
        address, where = server(self.declared).address, ("host", "limits")
        if limits.open_files is not None:
            yield Check(self, address, "open_files", (*where, "open_files"), self._open_files)
        if limits.oom_score is not None:
            yield Check(self, address, "oom_score", (*where, "oom_score"), self._oom_score)

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        if check.field == "oom_score":
            return not_in_container(facts, "a container may not tell the kernel whom to kill")
        return None

    def parents(self, check: Check) -> Iterator[Check]:
        yield active(self.declared)

    def _fact(self, facts: Facts, field: str) -> str:
        known = section(facts, "postmaster")
        return str(known[field]) if known is not None else "no running server"

    def _open_files(self, facts: Facts) -> Outcome:
        limits, known = self.declared.host.limits, section(facts, "postmaster")
        desired = str(limits.open_files if limits else "")
        most = known["most_files"] if known is not None else None
        if container(facts) and most is not None and int(desired) > most:
            raise Inapplicable(f"this container may open no more than {most} files")
        return same(desired, self._fact(facts, "open_files"), remedy=self._remedy)

    def _oom_score(self, facts: Facts) -> Outcome:
        limits = self.declared.host.limits
        desired = str(limits.oom_score if limits else "")
        return same(desired, self._fact(facts, "oom_score"), remedy=self._remedy)

    @property
    def _remedy(self) -> Remedy:
        return self.declared.remedy(after="; a running server has it after its next restart")


def server(declared: DeclaredHost) -> Service:
    """PostgreSQL's own unit."""
    return Service(declared, declared.layout.unit, declared.layout.packages[0], ("postgres",))


def active(declared: DeclaredHost) -> Check:
    """Whether PostgreSQL's unit runs: the parent of all that asks PostgreSQL."""
    return next(server(declared).checks())


def exporter(declared: DeclaredHost) -> Service | None:
    """The exporter's unit; a container of its own has none."""
    spec = declared.host.exporter
    if spec is None or spec.run != "service":
        return None
    return Service(declared, EXPORTER_UNIT, EXPORTER_PACKAGE, ("host", "exporter"))


def time_sync(declared: DeclaredHost) -> Service | None:
    """The unit that keeps the clock."""
    chosen = declared.host.time_sync
    return Service(declared, f"{chosen}.service", chosen, ("host", "time_sync")) if chosen else None


def firewall(declared: DeclaredHost) -> Service | None:
    """What loads the firewall at boot."""
    if declared.host.firewall is None:
        return None
    return Service(declared, "nftables.service", "nftables", ("host", "firewall"), oneshot=True)


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    yield server(declared)
    yield Limits(declared)
    yield from filter(None, (exporter(declared), time_sync(declared), firewall(declared)))


def units(declared: DeclaredHost) -> Iterator[str]:
    """The units that are asked about."""
    yield "postgresql.service"
    yield from (known.unit for known in resources(declared) if isinstance(known, Service))
