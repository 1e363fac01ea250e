"""What is wrong with `backup:` and only the whole spec shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.backup.dump import databases_of
from pgdeploy.spec.problem import Problem
from pgdeploy.spec.suggest import advise

if TYPE_CHECKING:
    from pgdeploy.model.backup import BackupSpec
    from pgdeploy.model.spec import Spec


def problems(spec: Spec, section: BackupSpec | None) -> Iterator[Problem]:
    """Databases that cannot be dumped, and invariants of databases that are not backed up."""
    if section is not None:
        yield from _databases(spec, section)
        yield from _invariants(spec, section)


def _databases(spec: Spec, section: BackupSpec) -> Iterator[Problem]:
    for number, name in enumerate(section.databases):
        keys = ("backup", "databases", number)
        if name not in spec.databases:
            yield Problem(keys, f"database {name} is not declared{advise(name, spec.databases)}")
        elif spec.databases[name].allow_connections is False:
            yield Problem(keys, f"database {name} allows no connections, so pg_dump cannot read it")


def _invariants(spec: Spec, section: BackupSpec) -> Iterator[Problem]:
    kept = databases_of(spec, section)
    for name, invariants in section.invariants.items():
        keys = ("backup", "invariants", name)
        if name not in kept:
            yield Problem(keys, f"database {name} is not backed up{advise(name, kept)}")
        for number, one in enumerate(invariants):
            if (one.returns is None) == (one.at_least is None):
                yield Problem((*keys, number), "write what it must return: either returns: or at_least:")
