"""The proof of a backup by pgBackRest: restored on the host into a folder of its own, recovered, started, and asked.

Recovery ends at a restore point that is written just before: a server that comes up has all WAL until this very
moment, as a target that is not reached is an error. It is asked all checks of the server but those of what is not in
a data directory: settings, rules of pg_hba.conf, and places of tablespaces.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.layers import SERVER
from pgdeploy.layers.backup.dump import label_of
from pgdeploy.layers.backup.manifest import Record
from pgdeploy.layers.backup.pgbackrest.archived import archived_now
from pgdeploy.layers.backup.pgbackrest.host import RECORDS, ask, pgbackrest, program
from pgdeploy.layers.backup.pgbackrest.operate import chosen
from pgdeploy.layers.backup.pgbackrest.read import read
from pgdeploy.layers.backup.pgbackrest.target import RecoveryTarget
from pgdeploy.layers.backup.signature import sign
from pgdeploy.layers.host.layout import Layout
from pgdeploy.lifecycle.restored import asked, signing_key
from pgdeploy.lifecycle.scratch_cluster import NotRestorable, scratch_cluster, scratch_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdeploy.gate.target import Target
    from pgdeploy.layers.backup.pgbackrest.contents import Backup
    from pgdeploy.model.pgbackrest import PgbackrestSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

NOT_RESTORED = frozenset({"setting", "hba", "ident", "server", "tablespace"})
"""Kinds of the server's checks that a data directory does not answer."""


def prove(
    target: Target, section: PgbackrestSpec, server: Server, label: str | None, note: Callable[[str], None]
) -> Record:
    """Restore a backup, the newest without a label, and keep the result on the host.

    Raises:
        TargetError: there is no such backup, or no server can be made for it; that is no result, and nothing is kept.
    """
    key = signing_key(section.signing)
    contents = read(target.spec, section, server)
    recovery = archived_now(server, note) if label is None else RecoveryTarget("immediate")
    backup = chosen(contents, section, label, RecoveryTarget())
    started = time.time()
    number, failed = _tried(target, section, server, backup, recovery, note)
    record = Record(
        backup.label,
        digest_of_manifest(server, section, backup),
        started,
        time.time() - started,
        target.spec.postgres,
        number,
        tuple(failed),
    )
    text = record.as_text() if key is None else sign(record.as_text(), key)
    ask(server, "keep", {"folder": RECORDS, "name": f"{record.label}.{label_of(started)}.json", "text": text})
    return record


def _tried(
    target: Target,
    section: PgbackrestSpec,
    server: Server,
    backup: Backup,
    recovery: RecoveryTarget,
    note: Callable[[str], None],
) -> tuple[int, list[str]]:
    """How many checks were asked, and what did not hold."""
    folder = scratch_folder(target.spec, section)
    note(f"restoring {backup.label} into {folder}, up to {recovery}")
    try:
        with scratch_cluster(target.spec, section, server, backup, recovery) as copy:
            number, failed = _asked(target, section, copy)
            if not _has_amcheck(copy):
                note(
                    "the server's packages lack the extension amcheck: indexes and tables are not read through"
                )
                return number, failed
            note("reading every index and table")
            return number + 1, failed + _amcheck(target.spec, server, folder, section.jobs)
    except NotRestorable as error:
        return 0, [str(error)]


def _asked(target: Target, section: PgbackrestSpec, copy: Server) -> tuple[int, list[str]]:
    gate = Gate(target, ConnectionOptions(), probes=False, server=copy)
    gate.ask_layer(SERVER.name)
    gate.checks = tuple(check for check in gate.checks if check.resource.kind not in NOT_RESTORED)
    databases = [name for name, body in target.spec.databases.items() if body.allow_connections is not False]
    return asked(gate, section.invariants, databases)


def _has_amcheck(copy: Server) -> bool:
    query = "SELECT count(*) FROM pg_catalog.pg_available_extensions WHERE name = 'amcheck'"
    with closing(copy.open()) as connection:
        return connection.execute(query).fetchall() != [(0,)]


def _amcheck(spec: Spec, server: Server, folder: str, jobs: int) -> list[str]:
    """What amcheck finds in the restored copy; it needs its extension, which is made there, and only there."""
    words = ["--all", "--install-missing=pg_catalog", f"--jobs={jobs}", "-h", folder, "-w"]
    done = program(server, f"{Layout(spec).binaries}/pg_amcheck", words)
    return [] if done["status"] == 0 else [f"pg_amcheck: {done['why']}"]


def digest_of_manifest(server: Server, section: PgbackrestSpec, backup: Backup) -> str:
    """Of the backup's manifest, which holds the digests of all its files."""
    from hashlib import sha256

    path = f"backup/{section.stanza}/{backup.label}/backup.manifest"
    done = pgbackrest(server, section, f"--repo={backup.repository}", "repo-get", path)
    if done["status"]:
        return ""
    return sha256(done["out"].encode()).hexdigest()
