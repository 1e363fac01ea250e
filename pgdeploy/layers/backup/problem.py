"""What is wrong with `backup:` and only the whole spec shows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pgdeploy.layers.backup.dump import databases_of
from pgdeploy.spec.problem import Problem
from pgdeploy.spec.suggest import advise

if TYPE_CHECKING:
    from pgdeploy.model.backup import DumpSpec, InvariantSpec
    from pgdeploy.model.spec import Spec


def problems(spec: Spec, section: DumpSpec) -> Iterator[Problem]:
    """Databases that cannot be dumped, and invariants of databases that are not backed up."""
    yield from _databases(spec, section)
    yield from invariants(section.invariants, databases_of(spec, section))


def _databases(spec: Spec, section: DumpSpec) -> Iterator[Problem]:
    for number, name in enumerate(section.databases):
        keys = ("backup", "databases", number)
        if name not in spec.databases:
            yield Problem(keys, f"database {name} is not declared{advise(name, spec.databases)}")
        elif spec.databases[name].allow_connections is False:
            yield Problem(keys, f"database {name} allows no connections, so pg_dump cannot read it")


def invariants(declared: Mapping[str, Sequence[InvariantSpec]], kept: Collection[str]) -> Iterator[Problem]:
    """Those of databases that are not backed up, and those that say nothing, or two things."""
    for name, of_database in declared.items():
        keys = ("backup", "invariants", name)
        if name not in kept:
            yield Problem(keys, f"database {name} is not backed up{advise(name, kept)}")
        for number, one in enumerate(of_database):
            if (one.returns is None) == (one.at_least is None):
                yield Problem((*keys, number), "write what it must return: either returns: or at_least:")
