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

from pgdeploy.errors import TargetError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.layers.backup.age import decrypted
from pgdeploy.layers.backup.dump import label_of
from pgdeploy.layers.backup.manifest import Manifest, Record
from pgdeploy.layers.backup.repository import Repository
from pgdeploy.layers.backup.restore import APPLICATION, Restorer
from pgdeploy.layers.backup.signature import sign
from pgdeploy.lifecycle.restored import asked, signing_key
from pgdeploy.local.scratch import scratch_folder
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.programs import scratch_bin

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdeploy.core.check import Check
    from pgdeploy.gate.target import Target
    from pgdeploy.model.backup import DumpSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

_FAST = ("-c fsync=off", "-c max_connections=50")
"""Of a server that nobody keeps."""


def prove(
    target: Target, section: DumpSpec, label: str | None, bin_dir: Path | None, note: Callable[[str], None]
) -> Record:
    """Restore a backup, the newest without a label, and keep the result. Its time is that of all that a restore takes.

    Raises:
        TargetError: there is no such backup, or no server can be made for it; that is no result, and nothing is kept.
    """
    repository = Repository(section.repository.path)
    manifest = repository.chosen(label)
    key = signing_key(section.signing)
    started = time.time()
    with repository.in_use(manifest.label) as kept:
        number, failed = 0, list(repository.wrong_files(manifest))
        if not failed:
            with decrypted(manifest, kept, section) as folder, scratch_server(manifest, bin_dir) as server:
                number, failed = _tried(target, section, manifest, folder, server, note)
        record = Record(
            manifest.label,
            repository.digest(manifest.label),
            started,
            time.time() - started,
            manifest.major,
            number,
            tuple(failed),
        )
        text = record.as_text() if key is None else sign(record.as_text(), key)
        repository.record(text, f"{record.label}.{label_of(record.started)}")
    return record


@contextmanager
def scratch_server(manifest: Manifest, bin_dir: Path | None) -> Iterator[Server]:
    with scratch_folder("proof") as scratch:
        scratch.chmod(0o755)  # the server may run as another user
        server = Cluster(scratch / "home", scratch_bin(manifest.major, bin_dir), options=_FAST)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _tried(
    target: Target,
    section: DumpSpec,
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
    gate.checks = tuple(check for check in gate.checks if is_dumped(target.spec, check))
    return asked(gate, section.invariants, manifest.databases)


def is_dumped(spec: Spec, check: Check) -> bool:
    """pg_dump leaves grants in information_schema out; after a restore, `pgdeploy apply` makes them."""
    match check.keys:
        case ("databases", str(name), "grants", int(number), *_):
            return spec.databases[name].grants[number].on.schema_ != "information_schema"
    return True
