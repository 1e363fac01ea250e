"""PGD21x: checkpoints, the size of the WAL, its level and its archive."""

from __future__ import annotations

from collections.abc import Iterator

from pgdeploy.lint.rule import Hit, Severity, documentation, rule
from pgdeploy.lint.size import human
from pgdeploy.lint.subject import Subject

_CONFIGURATION = documentation("WAL Configuration", "wal-configuration")
_SETTINGS = documentation("Write Ahead Log", "runtime-config-wal")
_ARCHIVING = documentation("Continuous Archiving and Point-in-Time Recovery", "continuous-archiving")

_DEFAULT_TIMEOUT = 300
_DEFAULT_SIZE = 1024**3


@rule("PGD211", Severity.WARNING, "max_wal_size is too small for checkpoint_timeout", _CONFIGURATION)
def early_checkpoints(subject: Subject) -> Iterator[Hit]:
    """A checkpoint begins when checkpoint_timeout has passed, or earlier, when the WAL is about to
    outgrow max_wal_size. Who writes a long timeout wants few checkpoints; with a small max_wal_size a
    server that writes gets many all the same, and after each of them every page it changes goes to the
    WAL whole, which makes the WAL grow faster still. The server's own defaults allow 1GB of WAL for 5
    minutes, and less than that rate is what this rule calls small. Raise max_wal_size (the disk of
    pg_wal must hold it), or lower the timeout. log_checkpoints shows which of the two it was: `wal` or
    `time`."""
    timeout, size = subject.number("checkpoint_timeout"), subject.bytes("max_wal_size")
    needed = timeout / _DEFAULT_TIMEOUT * _DEFAULT_SIZE
    if timeout > _DEFAULT_TIMEOUT and size < needed:
        message = (
            f"{human(size)} of WAL for checkpoint_timeout {timeout / 60:g}min is less than the default rate "
            f"(1GB for 5min): size will start checkpoints, not time; write at least {human(needed)}"
        )
        yield Hit("setting[max_wal_size]", subject.keys("max_wal_size"), message)


@rule("PGD212", Severity.WARNING, "min_wal_size is more than max_wal_size", _SETTINGS)
def crossed_sizes(subject: Subject) -> Iterator[Hit]:
    """As long as the WAL takes less than min_wal_size, old segments are kept for use again; max_wal_size
    is where checkpoints begin. A floor above the ceiling means nothing, and the server does not complain
    about it: one of the two is a slip, often of a unit. Write min_wal_size as what a quiet server may
    keep, and max_wal_size as what a busy one may reach between two checkpoints."""
    low, high = subject.bytes("min_wal_size"), subject.bytes("max_wal_size")
    if low > high:
        setting = "min_wal_size" if subject.written("min_wal_size") else "max_wal_size"
        message = (
            f"min_wal_size {human(low)} is above max_wal_size {human(high)}; lower the one or raise the other"
        )
        yield Hit(f"setting[{setting}]", subject.keys(setting), message)


@rule("PGD213", Severity.ERROR, "wal_level minimal, and something needs more", _SETTINGS)
def refused_level(subject: Subject) -> Iterator[Hit]:
    """At wal_level minimal the WAL holds just enough to recover from a crash. The server refuses to start
    when archive_mode is on, when max_wal_senders is above 0 (it is 10 by default) or, from 17, when
    summarize_wal is on. So a file that says `wal_level = minimal` and no more stops the server at its
    next restart, which may be months later. Write replica, or max_wal_senders 0 and archive_mode off with
    it."""
    if subject.value("wal_level") != "minimal":
        return
    causes = (
        [f"archive_mode {subject.value('archive_mode')}"] if subject.value("archive_mode") != "off" else []
    )
    if senders := subject.number("max_wal_senders"):
        causes.append(f"max_wal_senders {senders:g}")
    if subject.value("summarize_wal") is True:
        causes.append("summarize_wal on")
    if causes:
        message = f"the server will not start with {' and '.join(causes)}; write wal_level replica, or turn that off"
        yield Hit("setting[wal_level]", subject.keys("wal_level"), message)


@rule("PGD214", Severity.WARNING, "wal_level minimal, with roles for backup or replication", _ARCHIVING)
def poor_level(subject: Subject) -> Iterator[Hit]:
    """A role with REPLICATION, or one whose purpose is backup, says that somebody wants copies of this
    server. At wal_level minimal there can be no standby, no pg_basebackup and no recovery to a point in
    time: pg_dump is all there is, and a restore loses everything since the last dump. Write replica,
    which is the default and costs little."""
    roles = [role for role, body in subject.roles.items() if body.replication or body.purpose == "backup"]
    if subject.value("wal_level") == "minimal" and roles:
        message = (
            f"no base backup, no standby, no recovery to a point in time, though there is {', '.join(roles)}"
        )
        yield Hit("setting[wal_level]", subject.keys("wal_level"), f"{message}; write replica")


@rule("PGD215", Severity.WARNING, "archive_mode is on, and nothing archives", _ARCHIVING)
def no_archiver(subject: Subject) -> Iterator[Hit]:
    """With archive_mode on a segment of the WAL is kept until it is archived. Without an archive_command
    or (from 15) an archive_library none ever is: pg_wal grows until its disk is full, and then the server
    stops. Write the command, after testing that it fails when it cannot store the file; or take
    archive_mode away until there is one."""
    if (
        subject.value("archive_mode") == "off"
        or subject.value("archive_command")
        or subject.value("archive_library")
    ):
        return
    message = (
        "segments are kept until they are archived, and no archive_command does that: the disk will fill up"
    )
    yield Hit("setting[archive_mode]", subject.keys("archive_mode"), message)


RULES = (early_checkpoints, crossed_sizes, refused_level, poor_level, no_archiver)
