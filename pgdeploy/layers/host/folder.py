"""Folders on the way to what is checked: who may write to one may exchange everything below it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import dirname
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource
from pgdeploy.core.remedy import Remedy
from pgdeploy.layers.host.path import paths
from pgdeploy.layers.host.resource import HostResource, entry
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.spec.place import Keys


@dataclass(frozen=True, slots=True)
class Folder(HostResource):
    """One folder. `owner` is whose all is that is checked below it: root, or the one user who may write, too."""

    kind: ClassVar[str] = "file"
    declared: DeclaredHost
    path: str
    owner: str
    keys: Keys

    @property
    def ours(self) -> bool:
        """Whether the deploy takes rights away there; elsewhere others may have theirs for a reason."""
        return f"{self.path}/".startswith("/etc/")

    def checks(self) -> Iterator[Check]:
        yield Check(self, f"file[{self.path}]", "writers", self.keys, self._compare)

    def _compare(self, facts: Facts) -> Outcome:
        allowed = dict.fromkeys(("root", self.owner))
        # a folder that is not there lets nobody write; what should be in it has its own check
        actual = [who for who in entry(facts, "folders", self.path) or () if who not in allowed]
        desired = f"none but {listing(allowed)} may write there"
        by_hand = f"chown {self.owner} {self.path} && chmod go-w {self.path}; with an access list: setfacl -b"
        remedy = self.declared.remedy() if self.ours else Remedy(by_hand)
        return Outcome(not actual, desired, listing(actual) if actual else desired, remedy=remedy)


def folders(declared: DeclaredHost) -> Iterator[Folder]:
    """Every folder above what is checked, from the root down."""
    owners: dict[str, set[str]] = {}
    keys: dict[str, Keys] = {}
    for path in paths(declared):
        folder = path.path
        while folder != "/":
            folder = dirname(folder)
            owners.setdefault(folder, set()).add(path.owner)
            keys.setdefault(folder, path.keys)
    for folder, of in sorted(owners.items()):
        yield Folder(declared, folder, of.pop() if len(of) == 1 else "root", keys[folder])


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    yield from folders(declared)
