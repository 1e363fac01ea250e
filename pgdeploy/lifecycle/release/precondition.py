"""What must hold before a release begins. What does not is an obstacle; some may be forced, by their names."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.errors import PgdeployError
from pgdeploy.layers import layer_of
from pgdeploy.lifecycle.release.saved import newest
from pgdeploy.lifecycle.release.undo import sections_of
from pgdeploy.model.backup import RecoverySpec
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.text.naming import listing, quoted_name
from pgdeploy.text.quantity import shown

if TYPE_CHECKING:
    from pgdeploy.core.step import StepPlan
    from pgdeploy.gate.gate import Gate
    from pgdeploy.layers.migration.reading import MigrationFact

FORCED = ("backup", "destructive", "disk", "downtime", "index", "lint", "rehearsal", "replicas", "unreadable")
"""What `--force` may name."""

_LAG = 30.0
"""Seconds that a standby may be behind where no threshold says so: after a release that writes much it is further."""
_REPLICAS = """
SELECT application_name, state, coalesce(pg_catalog.date_part('epoch', replay_lag), 0)
FROM pg_catalog.pg_stat_replication WHERE application_name <> 'pg_basebackup' ORDER BY 1
"""
_SHUT = (
    "SELECT rolname::text FROM pg_catalog.pg_roles WHERE rolname = ANY (%s) AND rolconnlimit = 0 ORDER BY 1"
)
_SPARE = 1.2


class Obstacle(NamedTuple):
    """Why a release does not begin. `name` is what `--force` calls it; empty: nobody can force it."""

    name: str
    why: str

    def __str__(self) -> str:
        return self.why + (f" (--force {self.name})" if self.name else "")


def obstacles(
    gate: Gate,
    backup: str,
    plans: Mapping[str, StepPlan],
    facts: Mapping[str, MigrationFact],
    *,
    users_out: bool,
    inherited: Collection[str],
) -> Iterator[Obstacle]:
    """What stands in the way of a release that is to make this plan. Raises TargetError: the server does not answer."""
    yield from _of_server(gate)
    yield from _of_plans(plans, users_out=users_out)
    yield from _of_backup(gate, backup)
    yield from _of_migrations(gate, facts)
    if users_out:
        yield from _of_maintenance(gate, inherited)


def _of_server(gate: Gate) -> Iterator[Obstacle]:
    with closing(gate.server.open()) as connection:
        major = connection.info.server_version // 10_000
        replicas: list[tuple[Any, ...]] = connection.execute(_REPLICAS).fetchall()
    if major != gate.target.spec.postgres:
        yield Obstacle(
            "", f"the server is PostgreSQL {major}, and the spec is of {gate.target.spec.postgres}"
        )
    for name, state, lag in replicas:
        if state != "streaming" or lag > _allowed_lag(gate):
            yield Obstacle(
                "replicas", f"standby {quoted_name(str(name))} is {state}, and {shown(lag, 's')} behind"
            )


def _allowed_lag(gate: Gate) -> float:
    section = layer_of("threshold").of(gate.target.spec)
    known = section.limits if section is not None else {}
    limits = {(metric.thing, metric.field): one.fail for metric, one in known.items()}
    fail = limits.get(("replication", "lag"))
    return _LAG if fail is None else seconds_of(fail)


def _of_maintenance(gate: Gate, inherited: Collection[str]) -> Iterator[Obstacle]:
    """A limit of 0 that neither the spec nor a journal explains would be taken for what was there before."""
    release = gate.target.spec.release
    roles = release.maintenance.roles if release is not None and release.maintenance is not None else ()
    declared = gate.target.spec.roles
    undeclared = [name for name in roles if name not in declared or declared[name].connection_limit is None]
    with closing(gate.server.open()) as connection:
        found = connection.execute(_SHUT, [undeclared]).fetchall()
    for (role,) in found:
        if role not in inherited:
            yield Obstacle(
                "",
                f"role {quoted_name(str(role))} has the connection limit 0, and no journal here says why: a release "
                "from another machine may have stopped there; settle it, or give the role its limit back",
            )


def _of_plans(plans: Mapping[str, StepPlan], *, users_out: bool) -> Iterator[Obstacle]:
    """Who is kept out waits for no lock."""
    for plan in plans.values():
        yield from (Obstacle("unreadable", f"{one.check.id}: {one.reason}") for one in plan.unreadable)
        for step in plan.steps:
            if step.lost:
                yield Obstacle("destructive", f"{step.text}: loses {step.lost}")
            if step.effect.stops and not users_out:
                yield Obstacle("downtime", f"{step.text}: {step.note}, longer than `max_lock:` allows")


def _of_backup(gate: Gate, backup: str) -> Iterator[Obstacle]:
    section = layer_of("backup").of(gate.target.spec)
    if backup == "none":
        return
    if section is None:
        yield Obstacle("", f"release.backup is {backup}, and the spec declares no `backup:`")
        return
    try:
        _, made = newest(gate, section)
    except PgdeployError as error:
        made = None
        if backup == "recent":
            yield Obstacle("backup", error.lines[0])
    if backup == "recent" and made is not None:
        recovery: RecoverySpec = section.recovery
        if (age := time.time() - made) > seconds_of(recovery.rpo):
            yield Obstacle(
                "backup", f"the newest backup is {shown(age, 's')} old, and recovery.rpo is {recovery.rpo}"
            )
    if backup == "make" and section.engine == "pg_dump":
        yield from _room(section)


def _room(section: Any) -> Iterator[Obstacle]:
    """The next backup is about as large as the last one; of the first nobody knows."""
    from pgdeploy.layers.backup.repository import Repository

    repository = Repository(section.repository.path)
    backups = repository.contents().backups
    if not backups:
        return
    needed, free = backups[0].size * _SPARE, shutil.disk_usage(_there(repository.path)).free
    if free < needed:
        yield Obstacle(
            "disk",
            f"{repository.path} has {shown(free, 'B')} free, and the backup needs about {shown(needed, 'B')}",
        )


def _there(path: Path) -> Path:
    return path if path.exists() else _there(path.parent)


def _of_migrations(gate: Gate, facts: Mapping[str, MigrationFact]) -> Iterator[Obstacle]:
    from pgdeploy.layers.migration.lint import advice_of

    sections = sections_of(gate)
    for name, fact in facts.items():
        try:
            scripts = fact.known_scripts
        except PgdeployError:
            continue  # the plan says so
        versions, invalid = _in_database(fact)
        if invalid:
            yield Obstacle("index", f"{quoted_name(name)}: indexes that nobody can use: {listing(invalid)}")
        if scripts.pending(versions):
            for advice in advice_of(gate.target.spec, name, sections[name], versions):
                yield Obstacle("lint", str(advice))


def _in_database(fact: MigrationFact) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Versions and invalid indexes; none where the database is yet to be made, or unreadable, which the plan says."""
    try:
        return fact.known_database.versions or (), fact.known_database.invalid
    except PgdeployError:
        return (), ()
