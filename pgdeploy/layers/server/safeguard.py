"""Settings that lose data when they are wrong: held although the spec says nothing about them.

All are PostgreSQL's own defaults. Who wants another value writes it in `settings:`, where `pgdeploy lint` speaks of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pgdeploy.core.check import Outcome
from pgdeploy.core.remedy import NOTHING, Remedy
from pgdeploy.errors import Inapplicable
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.setting import Setting, settings
from pgdeploy.postgres.parameter import parameters
from pgdeploy.postgres.values import canonical
from pgdeploy.secret.reference import SecretRef

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.model.setting import SettingValue
    from pgdeploy.model.spec import Spec

HELD = {
    "fsync": True,
    "full_page_writes": True,
    "autovacuum": True,
    "zero_damaged_pages": False,
    "ignore_checksum_failure": False,
    "ignore_invalid_pages": False,
    "ignore_system_indexes": False,
}
"""What loses data in a crash or by wraparound, and what throws damaged data away."""

PROTOCOL = "ssl_min_protocol_version"
UNBROKEN = ("TLSv1.2", "TLSv1.3")
"""Versions of TLS that nobody has broken, from the lowest."""


@dataclass(frozen=True, slots=True)
class Safeguard(Setting):
    """One such setting."""

    better: tuple[str, ...] = ()
    """Values that are right, too."""
    deployed: bool = False
    """pg01.py writes it: its TLS step."""

    def _compare(self, facts: Facts) -> Outcome:
        found = self._compare_value(facts)
        if found.conforms:
            return found
        for value in self.better:
            other = replace(self, value=value)._compare_value(facts)
            if other.conforms:
                return other
        row = facts.once(settings).get(self.setting)
        if row is not None and row.source == "command line":
            chosen = f"{self.setting} = {found.actual} stands on the server's command line"
            raise Inapplicable(f"{chosen}; write `{self.setting}: {found.desired}` in settings to hold it")
        return found

    def _in_deploy(self, facts: Facts) -> Remedy:
        # what pg01.py does not write it does not mend either
        return Setting._in_deploy(self, facts) if self.deployed else NOTHING


def resources(spec: Spec) -> Iterator[ServerResource]:
    written = {setting.lower() for setting in spec.settings}
    for setting, value in HELD.items():
        if setting not in written:
            yield Safeguard(setting, value, ("settings",))
    if PROTOCOL not in written:
        yield from _protocol(spec)


def _protocol(spec: Spec) -> Iterator[ServerResource]:
    tls = spec.host.tls if spec.host is not None else None
    if tls is not None:
        better = UNBROKEN[UNBROKEN.index(tls.minimum) + 1 :]
        yield Safeguard(PROTOCOL, tls.minimum, ("host", "tls"), better, deployed=True)
    elif any(setting.lower() == "ssl" and _is_on(value, spec) for setting, value in spec.settings.items()):
        yield Safeguard(PROTOCOL, UNBROKEN[0], ("settings",), UNBROKEN[1:])


def _is_on(value: SettingValue, spec: Spec) -> bool:
    return not isinstance(value, SecretRef) and canonical(value, parameters(spec.postgres)["ssl"]) is True
