"""What a project's scripts say: its revisions in order, and where a version table stands among them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Revision:
    """One script. `downs` are those that it is made from, `depends` what else must be there before it."""

    revision: str
    downs: tuple[str, ...]
    depends: tuple[str, ...]
    labels: tuple[str, ...]
    doc: str
    path: str

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Revision:
        return cls(
            known["revision"],
            tuple(known["downs"]),
            tuple(known["depends"]),
            tuple(known["labels"]),
            known["doc"],
            known["path"],
        )


@dataclass(frozen=True, slots=True)
class Scripts:
    """All revisions, each after those that it stands on, and the heads: those on which none stands."""

    revisions: tuple[Revision, ...]
    heads: tuple[str, ...]

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Scripts:
        return cls(tuple(map(Revision.of, known["revisions"])), tuple(known["heads"]))

    def unknown(self, versions: Iterable[str]) -> list[str]:
        """Versions that none of the scripts has."""
        names = {one.revision for one in self.revisions}
        return [version for version in versions if version not in names]

    def pending(self, versions: Collection[str]) -> list[Revision]:
        """What is not there yet when the version table has these, in the order in which it is made."""
        there = self._with_all_below(versions)
        return [one for one in self.revisions if one.revision not in there]

    def _with_all_below(self, versions: Iterable[str]) -> set[str]:
        by_name = {one.revision: one for one in self.revisions}
        found: set[str] = set()
        left = [version for version in versions if version in by_name]
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += [*by_name[name].downs, *by_name[name].depends]
        return found

    def accidental_heads(self) -> tuple[str, ...]:
        """Several heads on one branch: two people made a revision from the same one. Branches with labels are meant."""
        plain = [head for head in self.heads if not self._labels(head)]
        return tuple(plain) if len(plain) > 1 else ()

    def _labels(self, head: str) -> set[str]:
        by_name = {one.revision: one for one in self.revisions}
        return {label for name in self._with_all_below([head]) for label in by_name[name].labels}
