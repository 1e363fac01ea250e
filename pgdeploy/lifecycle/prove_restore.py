"""Proof of a backup: it is restored into a server that is made for it, which must then be as the spec says.

Asked are the checks of what is in the restored databases, and the invariants of the spec. What a restored server
cannot have is not asked: settings, rules of pg_hba.conf and passwords are no part of a dump.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pgdeploy.core.check import Verdict
from pgdeploy.errors import TargetError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.layers.backup.dump import label_of
from pgdeploy.layers.backup.manifest import Manifest, Record
from pgdeploy.layers.backup.repository import Repository
from pgdeploy.layers.backup.restore import restore
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.programs import scratch_bin
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdeploy.core.check import Finding
    from pgdeploy.gate.target import Target
    from pgdeploy.model.backup import BackupSpec, InvariantSpec
    from pgdeploy.reach.server import Server

_FAST = ("-c fsync=off", "-c max_connections=50")
"""Of a server that nobody keeps."""


def prove(
    target: Target, section: BackupSpec, label: str | None, bin_dir: Path | None, note: Callable[[str], None]
) -> Record:
    """Restore a backup, the newest without a label, and keep what it came to.

    Raises:
        TargetError: there is no such backup, or no server can be made for it; that is no result, and nothing is kept.
    """
    repository = Repository(section.repository.path)
    manifest = _chosen(repository, label)
    with repository.locked(), TemporaryDirectory(prefix="pgdeploy-restore-") as scratch:
        Path(scratch).chmod(0o755)
        server = Cluster(Path(scratch) / "home", scratch_bin(manifest.major, bin_dir), options=_FAST)
        server.start()
        try:
            started = time.time()
            asked, failed = _tried(target, section, manifest, repository.folder(manifest.label), server, note)
            record = Record(
                manifest.label,
                repository.digest(manifest.label),
                started,
                time.time() - started,
                manifest.major,
                asked,
                tuple(failed),
            )
        finally:
            server.stop()
        repository.record(record, label_of(record.started))
    return record


def _chosen(repository: Repository, label: str | None) -> Manifest:
    backups = repository.contents().backups
    if not backups:
        raise TargetError(f"{repository.path} holds no backup; make one first: pgdeploy backup NAME now")
    if label is None:
        return backups[0]
    found = next((one for one in backups if one.label == label), None)
    if found is None:
        raise TargetError(f"{repository.path} holds no backup {label}; the newest is {backups[0].label}")
    return found


def _tried(
    target: Target,
    section: BackupSpec,
    manifest: Manifest,
    folder: Path,
    server: Server,
    note: Callable[[str], None],
) -> tuple[int, list[str]]:
    """How many checks were asked, and what did not hold."""
    note(f"restoring {manifest.label}")
    try:
        restore(manifest, folder, server, section.jobs)
    except TargetError as error:
        return 0, [str(error)]
    findings = list(_asked(target, manifest, server))
    wrong = [f"{one.check.id}: {one.actual or one.reason}" for one in findings if _is_wrong(one)]
    wrong += _broken(section, manifest, server)
    invariants = sum(len(section.invariants.get(name, ())) for name in manifest.databases)
    return len(findings) + invariants, wrong


def _asked(target: Target, manifest: Manifest, server: Server) -> Iterator[Finding]:
    gate = Gate(target, ConnectionOptions(), probes=False, server=server)
    gate.ask_layer("server")
    for check in gate.checks:
        if getattr(check.resource, "database", None) in manifest.databases:
            yield gate.evaluate(check)


def _is_wrong(finding: Finding) -> bool:
    return finding.verdict not in (Verdict.CONFORMS, Verdict.INAPPLICABLE, Verdict.WAIVED)


def _broken(section: BackupSpec, manifest: Manifest, server: Server) -> Iterator[str]:
    """Invariants that do not hold."""
    import psycopg

    for name in manifest.databases:
        for one in section.invariants.get(name, ()):
            with closing(server.open(name)) as connection:
                try:
                    rows = connection.execute(one.sql.encode()).fetchmany(2)
                except psycopg.Error as error:
                    said = error.diag.message_primary or "it cannot be asked"
                else:
                    said = _differs(one, rows)
            if said:
                yield f"invariant of {quoted_name(name)}: {one.sql}: {said}"


def _differs(one: InvariantSpec, rows: list[tuple[object, ...]]) -> str:
    if len(rows) != 1 or len(rows[0]) != 1:
        return "it must give one row with one column"
    (value,) = rows[0]
    if one.at_least is not None and not (isinstance(value, (int, float)) and value >= one.at_least):
        return f"{value}, and not at least {one.at_least:g}"
    if one.returns is not None and value != one.returns:
        return f"{value}, and not {one.returns}"
    return ""
