"""What is wrong with `backup:` and only the whole spec shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.spec.problem import Problem
from pgdeploy.spec.suggest import advise

if TYPE_CHECKING:
    from pgdeploy.model.backup import BackupSpec
    from pgdeploy.model.spec import Spec


def problems(spec: Spec, section: BackupSpec | None) -> Iterator[Problem]:
    """Databases that are not declared, and invariants of what is not kept."""
    if section is None:
        return
    for number, name in enumerate(section.databases):
        if name not in spec.databases:
            near = advise(name, spec.databases)
            yield Problem(("backup", "databases", number), f"database {name} is not declared{near}")
    kept = section.databases or tuple(spec.databases)
    for name, invariants in section.invariants.items():
        if name not in kept:
            said = f"database {name} is not kept{advise(name, kept)}"
            yield Problem(("backup", "invariants", name), said)
        for number, one in enumerate(invariants):
            if (one.returns is None) == (one.at_least is None):
                keys = ("backup", "invariants", name, number)
                yield Problem(keys, "write what it must say: either returns: or at_least:")
