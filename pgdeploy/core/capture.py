"""What a layer writes of itself into a new spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgdeploy.spec.writing import Remark, Written

_OTHER = re.compile(r"[^A-Z0-9]+")


@dataclass(slots=True)
class Secrets:
    """The references that a captured spec has in place of secrets, by the name of their environment variable."""

    named: dict[str, str] = field(default_factory=dict)
    """What each is for."""

    def reference(self, word: str, purpose: str) -> Mapping[str, Written]:
        """A reference of its own, named after what it is for."""
        name = _OTHER.sub("_", word.upper()).strip("_") or "SECRET"
        name = name if not name[0].isdigit() else f"_{name}"
        free, number = name, 2
        while self.named.get(free, purpose) != purpose:
            free, number = f"{name}_{number}", number + 1
        self.named[free] = purpose
        return {"env": free}


@dataclass(frozen=True, slots=True)
class Taken:
    """A project of containers that others made, as a spec has it."""

    sections: Mapping[str | Remark, Written]
    secrets: Mapping[str, str]
    """Environment variables that they refer to, and what each is for."""
    servers: Mapping[str, str]
    """The containers of PostgreSQL by what the engine calls them, each with its superuser."""
    faults: tuple[str, ...]
    """What is wrong with them, in a sentence each."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A layer's sections of a spec, and what stands beside them."""

    sections: Mapping[str | Remark, Written]
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that the spec refers to, and what each is for."""
    unseen: tuple[str, ...] = ()
    """What could not be read, in a sentence each."""
