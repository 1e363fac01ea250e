"""OS users of the server and the exporter: a hole in either must not be a way to be root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, same
from pgdeploy.layers.host import package
from pgdeploy.layers.host.resource import HostResource, entry
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.spec.place import Keys


POSTGRES = "postgres"
GIVE_ROOT = frozenset({"docker", "sudo", "root", "wheel", "disk", "lxd", "incus-admin", "shadow"})
"""Groups whose members are root, or can become it by what they may read and write."""


@dataclass(frozen=True, slots=True)
class OsUser(HostResource):
    """One OS user."""

    kind: ClassVar[str] = "osuser"
    declared: DeclaredHost
    user: str
    keys: Keys

    def checks(self) -> Iterator[Check]:
        address = f"osuser[{quoted_name(self.user)}]"
        yield Check(self, address, "exists", self.keys, self._exists)
        yield Check(self, address, "groups", self.keys, self._groups)
        yield Check(self, address, "root", self.keys, self._root)
        yield Check(self, address, "keys", self.keys, self._ssh_keys)

    def parents(self, check: Check) -> Iterator[Check]:
        if check.field != "exists":
            yield next(self.checks())
        elif self.user == POSTGRES:
            yield from package.installed(self.declared, self.declared.layout.packages[0])

    def _exists(self, facts: Facts) -> Outcome:
        known = entry(facts, "users", self.user)
        return same("exists", "absent" if known is None else "exists", remedy=self.declared.remedy())

    def _groups(self, facts: Facts) -> Outcome:
        found = GIVE_ROOT & set(entry(facts, "users", self.user))
        first = min(found, default="")
        return Outcome(
            not found, "in no group that gives root", listing(found), remedy=f"gpasswd -d {self.user} {first}"
        )

    def _root(self, facts: Facts) -> Outcome:
        """By another way than a group: sudo, a program or file of root's, a key."""
        found = entry(facts, "roots", self.user)["ways"]
        desired = "no way to be root"
        return Outcome(
            not found, desired, listing(found) if found else desired, remedy="take that right away"
        )

    def _ssh_keys(self, facts: Facts) -> Outcome:
        found = entry(facts, "roots", self.user)["keys"]
        desired = "no key gives a shell of this user"
        actual = f"keys in {listing(found)}" if found else desired
        remedy = 'remove the key, or bind it: restrict,command="..." or from="ADDRESS"'
        return Outcome(not found, desired, actual, remedy=remedy)


def users(declared: DeclaredHost) -> list[str]:
    """The users that are asked about: the server's, and the exporter's own."""
    exporter = declared.host.exporter
    if exporter is None or exporter.run != "service":
        return [POSTGRES]
    return [POSTGRES, exporter.role if exporter.login == "peer" else "prometheus"]


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    keys: dict[str, Keys] = {POSTGRES: ("postgres",)}
    for user in users(declared):
        yield OsUser(declared, user, keys.get(user, ("host", "exporter")))
