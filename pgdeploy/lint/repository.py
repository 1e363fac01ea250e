"""PGD75x: backups that `backup:` declares: who can read them, and whether they would be of use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pgdeploy.layers import layer_of
from pgdeploy.layers.backup.dump import databases_of
from pgdeploy.lint.rule import Hit, Severity, rule
from pgdeploy.lint.subject import Subject
from pgdeploy.model.backup import DumpSpec
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.model.pgbackrest import PgbackrestSpec
from pgdeploy.spec.place import Keys
from pgdeploy.text.naming import examples, quoted_name

_DOCS = "docs/backups.md"
_PGBACKREST = "docs/pgbackrest.md"
_DAY = 86_400


def _dumps(subject: Subject) -> DumpSpec | None:
    section = layer_of("backup").of(subject.spec)
    return section if isinstance(section, DumpSpec) else None


def _cluster(subject: Subject) -> PgbackrestSpec | None:
    section = layer_of("backup").of(subject.spec)
    return section if isinstance(section, PgbackrestSpec) else None


@rule("PGD751", Severity.NOTE, "backups are not encrypted", f"{_DOCS}, Encryption")
def readable(subject: Subject) -> Iterator[Hit]:
    """A dump holds every row of its databases, without any of the grants that protect them on the server. It
    is copied, synchronised and kept for longer than anybody remembers, and whoever gets a copy reads it all.
    Write `encryption: {recipients: [...]}`: the machine that makes backups then cannot read them later, and
    the private key is needed for a restore alone. Where the disk under the repository is encrypted and
    nothing copies it elsewhere, say so in a waiver."""
    section = _dumps(subject)
    if section is not None and section.encryption is None:
        message = f"whoever can copy {section.repository.path} reads all of it; write `encryption:`"
        yield Hit("backup[repository]", ("backup",), message)


@rule("PGD752", Severity.WARNING, "the key is kept with what it decrypts", f"{_DOCS}, Encryption")
def key_in_repository(subject: Subject) -> Iterator[Hit]:
    """Whoever copies the repository copies the private key in it, so the encryption protects nothing; and
    whoever loses the folder loses the key of all copies. Keep the key where neither the server nor the
    repository is, for example in a password manager that `identity: {command: [...]}` asks."""
    section = _dumps(subject)
    if section is None or section.encryption is None or section.encryption.identity is None:
        return
    file = section.encryption.identity.file
    if file is not None and Path(section.repository.path) in Path(file).parents:
        message = f"{file} is in the repository; keep it elsewhere"
        yield Hit("backup[repository]", ("backup", "encryption", "identity"), message)


@rule(
    "PGD753",
    Severity.WARNING,
    "backups are removed before the next one is proved",
    f"{_DOCS}, What a proof is",
)
def short_retention(subject: Subject) -> Iterator[Hit]:
    """A proof is of one backup. When every backup is removed before the next proof is due, there are times
    at which no backup that exists was ever restored: when a fault makes all new ones useless, the last
    good one is gone before anybody notices. Keep backups for at least as long as `restore_every`."""
    dumps, cluster = _dumps(subject), _cluster(subject)
    kept: list[tuple[Keys, int | None]] = []
    if dumps is not None:
        kept.append((("backup", "retention", "days"), dumps.retention.days))
    for number, place in enumerate(cluster.repositories if cluster is not None else ()):
        kept.append((("backup", "repositories", number, "retention", "days"), place.retention.days))
    section = dumps or cluster
    for keys, days in kept:
        if (
            section is not None
            and days is not None
            and days * _DAY < seconds_of(section.recovery.restore_every)
        ):
            message = (
                f"backups are kept for {days} days, and one is proved every {section.recovery.restore_every}"
            )
            yield Hit("backup[restore]", keys, message)


@rule("PGD754", Severity.NOTE, "a restored database may be empty", f"{_DOCS}, What a proof is")
def no_invariant(subject: Subject) -> Iterator[Hit]:
    """A proof asks the gate's checks of what was restored, and they speak of roles, grants and schemas: a
    backup of empty tables passes them all. Write an invariant that knows what must be there, such as
    `{sql: SELECT count(*) FROM app.orders, at_least: 1000}`; a restore that breaks it replaces nothing, and
    a proof that breaks it is no proof."""
    section: DumpSpec | PgbackrestSpec | None = _dumps(subject) or _cluster(subject)
    if section is None:
        return
    kept = (
        tuple(subject.spec.databases)
        if isinstance(section, PgbackrestSpec)
        else databases_of(subject.spec, section)
    )
    bare = [quoted_name(name) for name in kept if not section.invariants.get(name)]
    if bare:
        message = f"nothing says which rows must be in {examples(bare)}; write `invariants:`"
        yield Hit("backup[restore]", ("backup",), message)


_SECONDS = {"hourly": 3600, "daily": _DAY, "weekly": 7 * _DAY}


@rule("PGD755", Severity.WARNING, "backups are made less often than rpo allows", f"{_DOCS}, Schedule")
def seldom(subject: Subject) -> Iterator[Hit]:
    """A backup holds what was there when it began, and there is none to restore before it ends. So the newest
    backup becomes as old as the time between two, and what one takes. When `rpo:` is no longer than the time
    between two, `backup[newest].age` turns red before each backup, and a server that is lost at that
    moment loses more than the spec promises. Make backups more often, or promise what they can keep."""
    section = _dumps(subject)
    if section is None or section.schedule is None:
        return
    seconds = _SECONDS.get(section.schedule.backup, 0)
    if seconds >= seconds_of(section.recovery.rpo):
        message = f"they are made {section.schedule.backup}, and rpo is {section.recovery.rpo}"
        yield Hit("backup[newest]", ("backup", "schedule", "backup"), message)


@rule(
    "PGD756",
    Severity.WARNING,
    "backups are kept on the host that they are of",
    f"{_PGBACKREST}, Repositories",
)
def on_the_same_host(subject: Subject) -> Iterator[Hit]:
    """Whoever loses the host, or its root, loses the server and all of its backups at once; so does whoever deletes
    the wrong virtual machine. Add a second repository that is somewhere else, such as `s3:`. Where the folder is
    a mount of another machine, say so in a waiver."""
    section = _cluster(subject)
    if section is not None and all(place.s3 is None for place in section.repositories):
        message = "no repository is anywhere else: a host that is lost takes its backups along"
        yield Hit("backup[repository 1]", ("backup", "repositories"), message)


@rule(
    "PGD757", Severity.WARNING, "a repository off the host is not encrypted", f"{_PGBACKREST}, Repositories"
)
def readable_elsewhere(subject: Subject) -> Iterator[Hit]:
    """A repository holds every row of every database, and the hashes of all passwords. In a bucket, everybody reads it
    who gets its keys, or who runs the store. Write `passphrase:`; the cipher of a repository cannot be changed
    later."""
    section = _cluster(subject)
    for number, place in enumerate(section.repositories if section is not None else ()):
        if place.s3 is not None and place.passphrase is None:
            message = (
                f"whoever can read bucket {place.s3.bucket} reads all of the server; write `passphrase:`"
            )
            yield Hit(f"backup[repository {number + 1}]", ("backup", "repositories", number), message)


@rule(
    "PGD758", Severity.WARNING, "WAL is kept back for longer than rpo allows", f"{_PGBACKREST}, Repositories"
)
def kept_back(subject: Subject) -> Iterator[Hit]:
    """A file of WAL is archived when it is full, or archive_timeout after its first record. On a server with few writes
    that is the time for which a commit is on one disk only. When it is 0, or longer than `rpo:`, a server
    that is lost at that moment loses more than the spec promises."""
    section = _cluster(subject)
    written = subject.spec.settings.get("archive_timeout")
    if section is None or written is None:
        return
    seconds, limit = subject.number("archive_timeout"), seconds_of(section.recovery.rpo)
    if seconds == 0 or seconds > limit:
        message = f"archive_timeout is {written}, and rpo is {section.recovery.rpo}"
        yield Hit("setting[archive_timeout]", subject.keys("archive_timeout"), message)


RULES = (
    readable,
    key_in_repository,
    short_retention,
    no_invariant,
    seldom,
    on_the_same_host,
    readable_elsewhere,
    kept_back,
)
