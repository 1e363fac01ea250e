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
from pgdeploy.text.naming import examples, quoted_name

_DOCS = "docs/backups.md"
_DAY = 86_400


def _section(subject: Subject) -> DumpSpec | None:
    section: DumpSpec | None = layer_of("backup").of(subject.spec)
    return section


@rule("PGD751", Severity.NOTE, "backups are not encrypted", f"{_DOCS}, Encryption")
def readable(subject: Subject) -> Iterator[Hit]:
    """A dump holds every row of its databases, without any of the grants that protect them on the server. It
    is copied, synchronised and kept for longer than anybody remembers, and whoever gets a copy reads it all.
    Write `encryption: {recipients: [...]}`: the machine that makes backups then cannot read them later, and
    the private key is needed for a restore alone. Where the disk under the repository is encrypted and
    nothing copies it elsewhere, say so in a waiver."""
    section = _section(subject)
    if section is not None and section.encryption is None:
        message = f"whoever can copy {section.repository.path} reads all of it; write `encryption:`"
        yield Hit("backup[repository]", ("backup",), message)


@rule("PGD752", Severity.WARNING, "the key is kept with what it decrypts", f"{_DOCS}, Encryption")
def key_in_repository(subject: Subject) -> Iterator[Hit]:
    """Whoever copies the repository copies the private key in it, so the encryption protects nothing; and
    whoever loses the folder loses the key of all copies. Keep the key where neither the server nor the
    repository is, for example in a password manager that `identity: {command: [...]}` asks."""
    section = _section(subject)
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
    section = _section(subject)
    if section is None or section.retention.days is None:
        return
    every = section.recovery.restore_every
    if section.retention.days * _DAY < seconds_of(every):
        message = f"backups are kept for {section.retention.days} days, and one is proved every {every}"
        yield Hit("backup[restore]", ("backup", "retention", "days"), message)


@rule("PGD754", Severity.NOTE, "a restored database may be empty", f"{_DOCS}, What a proof is")
def no_invariant(subject: Subject) -> Iterator[Hit]:
    """A proof asks the gate's checks of what was restored, and they speak of roles, grants and schemas: a
    backup of empty tables passes them all. Write an invariant that knows what must be there, such as
    `{sql: SELECT count(*) FROM app.orders, at_least: 1000}`; a restore that breaks it replaces nothing, and
    a proof that breaks it is no proof."""
    section = _section(subject)
    if section is None:
        return
    kept = databases_of(subject.spec, section)
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
    section = _section(subject)
    if section is None or section.schedule is None:
        return
    seconds = _SECONDS.get(section.schedule.backup, 0)
    if seconds >= seconds_of(section.recovery.rpo):
        message = f"they are made {section.schedule.backup}, and rpo is {section.recovery.rpo}"
        yield Hit("backup[newest]", ("backup", "schedule", "backup"), message)


RULES = (readable, key_in_repository, short_retention, no_invariant, seldom)
