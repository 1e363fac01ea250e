"""The proof of a backup: restore it into a server that is made for it, and ask that server the checks of the spec.

It asks the checks of the restored databases, and the invariants of the spec. It does not ask about what no dump has:
settings, rules of pg_hba.conf, passwords, and grants in information_schema.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.core.check import Verdict
from pgdeploy.errors import TargetError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.layers.backup.age import decrypted
from pgdeploy.layers.backup.dump import label_of
from pgdeploy.layers.backup.invariant import broken
from pgdeploy.layers.backup.manifest import Manifest, Record
from pgdeploy.layers.backup.repository import Repository
from pgdeploy.layers.backup.restore import APPLICATION, Restorer
from pgdeploy.layers.backup.signature import sign
from pgdeploy.local.scratch import scratch_folder
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.programs import scratch_bin
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdeploy.core.check import Check, Finding
    from pgdeploy.gate.target import Target
    from pgdeploy.model.backup import BackupSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server
    from pgdeploy.secret.reference import Secret

_FAST = ("-c fsync=off", "-c max_connections=50")
"""Of a server that nobody keeps."""


def prove(
    target: Target, section: BackupSpec, label: str | None, bin_dir: Path | None, note: Callable[[str], None]
) -> Record:
    """Restore a backup, the newest without a label, and keep the result. Its time is that of all that a restore takes.

    Raises:
        TargetError: there is no such backup, or no server can be made for it; that is no result, and nothing is kept.
    """
    repository = Repository(section.repository.path)
    manifest = repository.chosen(label)
    key = _signing_key(section)
    started = time.time()
    with repository.in_use(manifest.label) as kept:
        asked, failed = 0, list(repository.wrong_files(manifest))
        if not failed:
            with decrypted(manifest, kept, section) as folder, _scratch_server(manifest, bin_dir) as server:
                asked, failed = _tried(target, section, manifest, folder, server, note)
        record = Record(
            manifest.label,
            repository.digest(manifest.label),
            started,
            time.time() - started,
            manifest.major,
            asked,
            tuple(failed),
        )
        text = record.as_text() if key is None else sign(record.as_text(), key)
        repository.record(text, f"{record.label}.{label_of(record.started)}")
    return record


@contextmanager
def _scratch_server(manifest: Manifest, bin_dir: Path | None) -> Iterator[Server]:
    with scratch_folder("proof") as scratch:
        scratch.chmod(0o755)  # the server may run as another user
        server = Cluster(scratch / "home", scratch_bin(manifest.major, bin_dir), options=_FAST)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _signing_key(section: BackupSpec) -> Secret | None:
    """Before anything is restored: a proof that cannot be signed would not count.

    Raises:
        SecretError, TargetError: records are to be signed, and there is no key for it.
    """
    if section.signing is None:
        return None
    if section.signing.key is None:
        raise TargetError(
            "records of this spec count only when they are signed; write where the private key is into "
            "backup: signing: key:"
        )
    key = section.signing.key.read()
    sign("", key)
    return key


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
    with closing(server.open(application_name=APPLICATION)) as connection:
        restorer = Restorer(manifest, folder, connection, section.jobs)
        try:
            restorer.everything()
        except TargetError as error:
            return 0, [str(error)]
    gate = Gate(target, ConnectionOptions(), probes=False, server=server)
    gate.ask_databases(manifest.databases)
    gate.checks = tuple(check for check in gate.checks if _is_dumped(target.spec, check))
    findings = list(gate.ask())
    wrong = [f"{one.check.id}: {one.actual or one.reason}" for one in findings if _is_wrong(one)]
    wrong += _broken(section, manifest, server)
    invariants = sum(len(section.invariants.get(name, ())) for name in manifest.databases)
    return len(findings) + invariants, wrong


def _is_dumped(spec: Spec, check: Check) -> bool:
    """pg_dump leaves grants in information_schema out; after a restore, `pgdeploy apply` makes them."""
    match check.keys:
        case ("databases", str(name), "grants", int(number), *_):
            return spec.databases[name].grants[number].on.schema_ != "information_schema"
    return True


def _is_wrong(finding: Finding) -> bool:
    return finding.verdict not in (Verdict.CONFORMS, Verdict.INAPPLICABLE, Verdict.WAIVED)


def _broken(section: BackupSpec, manifest: Manifest, server: Server) -> Iterator[str]:
    for name in manifest.databases:
        if invariants := section.invariants.get(name):
            with closing(server.open(name)) as connection:
                yield from (f"database {quoted_name(name)}: {one}" for one in broken(invariants, connection))
