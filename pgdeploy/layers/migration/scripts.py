"""What a project's scripts say: its revisions in order, and where a version table stands among them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Revision:
    """One script. `downs` are those that it is made from, `depends` what else must be there before it.

    The last three are of SQL: what the way up is, whether there is one down, and its file where that is another.
    """

    revision: str
    downs: tuple[str, ...]
    depends: tuple[str, ...]
    labels: tuple[str, ...]
    doc: str
    path: str
    digest: str = ""
    has_down: bool = False
    down_path: str = ""

    @property
    def is_sql(self) -> bool:
        """Whether it is SQL, and not Python."""
        return self.path.endswith(".sql")

    @property
    def files(self) -> tuple[str, ...]:
        """All that it is written in."""
        return (self.path, self.down_path) if self.down_path else (self.path,)

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Revision:
        return cls(
            known["revision"],
            tuple(known["downs"]),
            tuple(known["depends"]),
            tuple(known["labels"]),
            known["doc"],
            known["path"],
            known.get("digest", ""),
            known.get("has_down", False),
            known.get("down_path", ""),
        )


@dataclass(frozen=True, slots=True)
class Scripts:
    """All revisions, each after those that it stands on, and the heads: those on which none stands."""

    revisions: tuple[Revision, ...]
    heads: tuple[str, ...]
    each: bool = False
    """Whether the version table has each revision that was run. Alembic's has the newest alone."""

    @classmethod
    def of(cls, known: Mapping[str, Any], *, each: bool) -> Scripts:
        return cls(tuple(map(Revision.of, known["revisions"])), tuple(known["heads"]), each)

    def are_all_in(self, versions: Collection[str]) -> bool:
        """Whether a version table that has these says that all is there, and nothing else."""
        desired = [one.revision for one in self.revisions] if self.each else self.heads
        return sorted(versions) == sorted(desired)

    def changed(self, digests: Mapping[str, str]) -> list[str]:
        """Revisions that are not what they were when they were run."""
        return [
            one.revision
            for one in self.revisions
            if one.digest and digests.get(one.revision, one.digest) != one.digest
        ]

    def newest(self, versions: Collection[str]) -> tuple[str, ...]:
        """Of the versions of a table those that say where it stands."""
        if not self.each:
            return tuple(versions)
        return tuple(one.revision for one in self.revisions if one.revision in versions)[-1:]

    def passed(self, revision: str, versions: Collection[str]) -> str:
        """A version that comes after this revision in the order of the files; empty where none does."""
        order = [one.revision for one in self.revisions]
        later = order[order.index(revision) + 1 :] if self.each else []
        return next((name for name in later if name in versions), "")

    def unknown(self, versions: Iterable[str]) -> list[str]:
        """Versions that none of the scripts has."""
        names = {one.revision for one in self.revisions}
        return [version for version in versions if version not in names]

    def pending(self, versions: Collection[str]) -> list[Revision]:
        """What is not there yet when the version table has these, in the order in which it is made."""
        there = set(versions) if self.each else self._with_all_below(versions)
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
