"""The rehearsal of a release: on the newest backup, restored beside the server, forward and back.

One act, four proofs: the backup can be restored, and how long that takes; the release works on these very data; how
long users would wait for it; and the way back leads back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.core.step import Risk
from pgdeploy.errors import PgdeployError, TargetError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import with_spec
from pgdeploy.layers import SERVER, layer_of
from pgdeploy.layers.migration.process import kept_processes
from pgdeploy.layers.migration.project import database_of
from pgdeploy.layers.migration.watch import Watch
from pgdeploy.layers.server.change import Change, Stage
from pgdeploy.lifecycle.prove_cluster import NOT_RESTORED
from pgdeploy.lifecycle.prove_restore import is_dumped, scratch_server
from pgdeploy.lifecycle.release.canary import Canary
from pgdeploy.lifecycle.release.evidence import Record, digest_of, keep
from pgdeploy.lifecycle.release.likeness import Likeness, differences, likeness
from pgdeploy.lifecycle.release.plan import layers_of
from pgdeploy.lifecycle.release.undo import sections_of, take_back, versions_of, ways_back
from pgdeploy.lifecycle.restored import asked, signing_key
from pgdeploy.spec.frozenmap import FrozenMap
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target
    from pgdeploy.lifecycle.release.journal import Journals
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.reach.server import Server

Note = Callable[[str], None]

_BEFORE_MIGRATIONS = frozenset(
    {Stage.SETTING, Stage.TABLESPACE, Stage.HBA, Stage.DROP, Stage.DROP_ROLE, Stage.CLOSE}
)
"""What a copy is not given: it is no server of its own."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A server with what was restored."""

    server: Server
    label: str
    manifest: str
    major: int
    of: float
    """The moment that was restored, in seconds since 1970."""
    seconds: float
    """How long that took."""


@dataclass(slots=True)
class _Seen:
    """What the rehearsal shows, as it goes on."""

    failed: list[str] = field(default_factory=list)
    checks: int = 0
    release: float = 0.0
    undo: float = 0.0
    pause: tuple[float, str] = (0.0, "")
    lock: tuple[float, str] = (0.0, "")


def rehearse(gate: Gate, journals: Journals, bin_dir: Path | None, note: Note) -> Record:
    """Rehearse what is pending, and keep the record.

    Raises:
        TargetError: no backup can be restored; that is no result, and nothing is kept.
    """
    target = gate.target
    section = layer_of("backup").of(target.spec)
    if section is None:
        raise TargetError(f"{target.name} declares no backup to restore: write `backup:` into {target.file}")
    key = signing_key(section.signing)
    started = time.time()
    with _copied(gate, section, bin_dir, note) as copy, kept_processes():
        there = Gate(
            _without_passwords(target), ConnectionOptions(), probes=False, note=note, server=copy.server
        )
        versions = versions_of(there)
        seen = _Seen()
        _rehearsed(there, section, versions, seen, note)
    record = Record(
        target=target.name,
        spec=target.declared.digest(),
        scripts=digest_of(sections_of(gate)),
        versions=versions,
        major=copy.major,
        backup=copy.label,
        manifest=copy.manifest,
        started=started,
        rpo=started - copy.of,
        rto=copy.seconds,
        release=seen.release,
        pause=seen.pause[0],
        pause_of=seen.pause[1],
        lock=seen.lock[0],
        lock_of=seen.lock[1],
        undo=seen.undo,
        checks=seen.checks,
        failed=tuple(seen.failed),
    )
    keep(journals, record, key)
    return record


def _rehearsed(there: Gate, section: Any, versions: Mapping[str, list[str]], seen: _Seen, note: Note) -> None:
    sections = sections_of(there)
    note("release")
    before: dict[str, Likeness] = {}
    try:
        _state(there)  # no way down takes that back
        before = _likenesses(there, sections)
        began = time.monotonic()
        with _watched(there, sections, seen):
            _released(there)
        seen.release = time.monotonic() - began
    except PgdeployError as error:
        seen.failed += [f"release: {line}" for line in error.lines]
    if not seen.failed:
        note("checks")
        seen.checks, wrong = _asked(there, section)
        seen.failed += wrong
    note("way back")
    began = time.monotonic()
    try:
        take_back(there, ways_back(there, versions), note)
        seen.undo = time.monotonic() - began
        now = _likenesses(there, sections)
        seen.failed += [line for name in before for line in differences(name, before[name], now[name])]
    except PgdeployError as error:
        seen.failed += [f"way back: {line}" for line in error.lines]


def _likenesses(there: Gate, sections: Mapping[str, MigrationSpec]) -> dict[str, Likeness]:
    return {name: likeness(there.target.spec, name, one, there.server) for name, one in sections.items()}


@contextmanager
def _watched(there: Gate, sections: Mapping[str, MigrationSpec], seen: _Seen) -> Iterator[None]:
    """A canary and a watch in each database."""
    with ExitStack() as stack:
        pairs = []
        for name, section in sections.items():

            def connect(database: str = database_of(name, section)) -> Any:
                return there.server.open(database, application_name="pgdeploy rehearsal")

            pairs.append((stack.enter_context(Canary(connect)), stack.enter_context(Watch(connect, None))))
        yield
    seen.failed += [
        f"the canary ended before the release did: {canary.why}" for canary, _ in pairs if canary.why
    ]
    seen.pause = max(((canary.longest, canary.of) for canary, _ in pairs), default=(0.0, ""))
    seen.lock = max((watch.longest for _, watch in pairs), default=(0.0, ""))


def _released(there: Gate) -> None:
    """As a release does it, without backup and maintenance."""
    _state(there)
    for layer in layers_of(there):
        steps = layer.plan(there, patient=True)
        if steps.unreadable:
            raise TargetError(f"{steps.unreadable[0].check.id}: {steps.unreadable[0].reason}")
        if steps.steps:
            layer.apply(steps, there, downtime=True)
            _state(there)


def _state(there: Gate) -> None:
    def is_of_the_copy(change: Change) -> bool:
        return change.stage not in _BEFORE_MIGRATIONS and change.risk is Risk.SAFE

    plan = there.plan().only(is_of_the_copy)
    if plan.changes:
        there.apply(plan)


def _asked(there: Gate, section: Any) -> tuple[int, list[str]]:
    """How many checks and invariants, and what does not hold."""
    spec = there.target.spec
    layers = {SERVER.name, *(layer.name for layer in layers_of(there))}
    gate = Gate(there.target, there.way, probes=False, server=there.server)
    gate.ask_layer(*layers)
    gate.checks = tuple(
        check for check in gate.checks if check.resource.kind not in NOT_RESTORED and is_dumped(spec, check)
    )
    databases = [name for name, body in spec.databases.items() if body.allow_connections is not False]
    return asked(gate, section.invariants, databases)


def _without_passwords(target: Target) -> Target:
    """No backup has them, and nobody logs in to a copy."""
    roles = {role: body.model_copy(update={"password": None}) for role, body in target.spec.roles.items()}
    spec = target.spec.model_copy(update={"roles": FrozenMap(roles)})
    return with_spec(target, spec)


# -- the copy ------------------------------------------------------------------------------------------


def _copied(gate: Gate, section: Any, bin_dir: Path | None, note: Note) -> Any:
    """A context with a `Copy`."""
    if section.engine == "pg_dump":
        return _of_dump(section, bin_dir, note)
    return _of_cluster(gate, section, note)


@contextmanager
def _of_dump(section: Any, bin_dir: Path | None, note: Note) -> Iterator[Copy]:
    from pgdeploy.layers.backup.age import decrypted
    from pgdeploy.layers.backup.repository import Repository
    from pgdeploy.layers.backup.restore import APPLICATION, Restorer

    repository = Repository(section.repository.path)
    manifest = repository.chosen()
    with (
        repository.in_use(manifest.label) as kept,
        decrypted(manifest, kept, section) as folder,
        scratch_server(manifest, bin_dir) as server,
    ):
        note(f"restoring {manifest.label}")
        began = time.monotonic()
        repository.require_whole(manifest)
        with closing(server.open(application_name=APPLICATION)) as connection:
            Restorer(manifest, folder, connection, section.jobs).everything()
        took = time.monotonic() - began
        digest = repository.digest(manifest.label)
        yield Copy(server, manifest.label, digest, manifest.major, manifest.started, took)


@contextmanager
def _of_cluster(gate: Gate, section: Any, note: Note) -> Iterator[Copy]:
    from pgdeploy.layers.backup.pgbackrest.archived import archived_now
    from pgdeploy.layers.backup.pgbackrest.operate import chosen
    from pgdeploy.layers.backup.pgbackrest.read import read
    from pgdeploy.layers.backup.pgbackrest.target import RecoveryTarget
    from pgdeploy.lifecycle.prove_cluster import digest_of_manifest
    from pgdeploy.lifecycle.scratch_cluster import scratch_cluster

    spec, server = gate.target.spec, gate.server
    recovery = archived_now(server, note)
    moment = time.time()
    backup = chosen(read(spec, section, server), section, None, RecoveryTarget())
    note(f"restoring {backup.label}, up to {recovery}")
    began = time.monotonic()
    with scratch_cluster(spec, section, server, backup, recovery) as copy:
        took = time.monotonic() - began
        digest = digest_of_manifest(server, section, backup)
        yield Copy(copy, backup.label, digest, spec.postgres, moment, took)


def heading(record: Record) -> str:
    """How it ended, in a line."""
    return (
        f"{quoted_name(record.target)}: rehearsed, and {'all is well' if record.good else 'not all is well'}"
    )
