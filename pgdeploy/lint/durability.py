"""PGD20x: settings that give away what makes PostgreSQL safe."""

from __future__ import annotations

from collections.abc import Iterator

from pgdeploy.lint.rule import Hit, Severity, documentation, rule
from pgdeploy.lint.subject import Subject

_WAL = documentation("Write Ahead Log", "runtime-config-wal")


def _off(subject: Subject, setting: str, message: str) -> Iterator[Hit]:
    if subject.value(setting) is False:
        yield Hit(f"setting[{setting}]", subject.keys(setting), message)


@rule("PGD201", Severity.ERROR, "fsync is off", _WAL)
def fsync_off(subject: Subject) -> Iterator[Hit]:
    """With fsync off the server does not wait until its writes are on the disk. After a crash of the
    system or a power failure the database can be corrupt beyond repair, not just some transactions short.
    It is for databases that can be made again from outside at any time, such as a test's. For speed
    without that danger there is synchronous_commit off, which loses the last transactions at worst.
    Switch it on."""
    yield from _off(subject, "fsync", "a crash of the system can corrupt every database; write on")


@rule("PGD202", Severity.ERROR, "full_page_writes is off", _WAL)
def torn_pages(subject: Subject) -> Iterator[Hit]:
    """A crash of the system while a page is written can leave half of it old and half new. From the whole
    page in the WAL, written at its first change after a checkpoint, recovery makes it good again; without
    it the page stays broken, silently. Only a filesystem that can never write a part of a page makes it
    superfluous, and whoever relies on that should say so in a waiver. What it costs is reduced by
    wal_compression and by longer times between checkpoints."""
    yield from _off(
        subject, "full_page_writes", "a crash can leave torn pages that nothing repairs; write on"
    )


@rule(
    "PGD203",
    Severity.ERROR,
    "autovacuum is off",
    documentation("Routine Vacuuming", "routine-vacuuming"),
)
def autovacuum_off(subject: Subject) -> Iterator[Hit]:
    """Autovacuum takes away dead rows, keeps the planner's statistics true and freezes old rows. Without
    it tables grow without end, plans get worse, and the server has to force vacuums against wraparound at
    the worst time, or stops taking writes. Where it is in the way of a load, the load's own tables can be
    excepted for that time (ALTER TABLE ... SET (autovacuum_enabled = off)). A vacuum that is too slow is
    made faster, by autovacuum_vacuum_cost_limit and more workers, not switched off."""
    yield from _off(
        subject, "autovacuum", "tables bloat and transaction ids run out; write on, tune it by table"
    )


@rule("PGD204", Severity.NOTE, "synchronous_commit is off", _WAL)
def asynchronous_commit(subject: Subject) -> Iterator[Hit]:
    """COMMIT then returns before its WAL is on the disk: a crash can lose what was committed within the
    last moments (up to three times wal_writer_delay), though the database stays consistent. That is a
    fair bargain for data that can be loaded again, and a bad one for what a user was told is saved. It
    can be chosen for a role, a database or a single transaction, so it need not be chosen for all. If it
    is meant, say so in a waiver with the reason."""
    for written in subject.everywhere("synchronous_commit"):
        if written.value == "off":
            message = "a crash can lose transactions that were reported as committed; say in a waiver why that is fine"
            yield Hit(written.address, written.keys, message)


RULES = (fsync_off, torn_pages, autovacuum_off, asynchronous_commit)
