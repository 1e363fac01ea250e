"""PGD3xx: worker processes, each number a share of the one before."""

from __future__ import annotations

from collections.abc import Iterator

from pgdeploy.lint.rule import Hit, Severity, documentation, rule
from pgdeploy.lint.subject import Subject

_SOURCE = documentation("Resource Consumption", "runtime-config-resource")


def _above(subject: Subject, part: str, whole: str) -> Iterator[Hit]:
    """The defaults fit each other, so one of the two is written; it is the one to look at."""
    wants, has = subject.number(part), subject.number(whole)
    if wants > has:
        setting = part if subject.written(part) else whole
        message = f"{part} {wants:g} is more than {whole} {has:g}: it will never get more than {has:g}"
        yield Hit(f"setting[{setting}]", subject.keys(setting), f"{message}; raise {whole} or lower {part}")


@rule("PGD301", Severity.WARNING, "max_parallel_workers is more than max_worker_processes", _SOURCE)
def more_than_processes(subject: Subject) -> Iterator[Hit]:
    """Parallel workers are taken from the worker processes, which extensions and logical replication use
    as well. What is written beyond max_worker_processes is never had: the planner still counts on it, and
    queries run with fewer workers than planned. Raise max_worker_processes (which needs a restart), or
    lower max_parallel_workers."""
    yield from _above(subject, "max_parallel_workers", "max_worker_processes")


@rule(
    "PGD302", Severity.WARNING, "max_parallel_workers_per_gather is more than max_parallel_workers", _SOURCE
)
def more_for_a_query(subject: Subject) -> Iterator[Hit]:
    """One Gather of one query may ask for max_parallel_workers_per_gather workers, and all queries
    together have max_parallel_workers. When the first is more, one query alone wants more than all may
    have, and plans are costed for workers that never come. Keep it well below, so that several queries
    can be parallel at one time."""
    yield from _above(subject, "max_parallel_workers_per_gather", "max_parallel_workers")


@rule(
    "PGD303", Severity.WARNING, "max_parallel_maintenance_workers is more than max_parallel_workers", _SOURCE
)
def more_for_maintenance(subject: Subject) -> Iterator[Hit]:
    """CREATE INDEX and VACUUM take their parallel workers from max_parallel_workers too. What is written
    beyond that is never had, and a single CREATE INDEX would leave nothing for queries. Lower it, or
    raise max_parallel_workers and max_worker_processes with it."""
    yield from _above(subject, "max_parallel_maintenance_workers", "max_parallel_workers")


@rule("PGD304", Severity.NOTE, "more worker processes than cores", _SOURCE)
def more_than_cores(subject: Subject) -> Iterator[Hit]:
    """Parallel workers compute, so more of them than the machine has cores only take turns, and each
    brings its own work_mem. Some worker processes are not for parallel queries (logical replication,
    extensions) and mostly wait, so a few above the number of cores can be right; then say so in a waiver.
    Count the CPUs that the server sees: `cores: 8` with `sockets: 2` of a VM are 16. The default of 8 is
    not spoken of, only what is written."""
    cores, setting = subject.cores, "max_worker_processes"
    if cores is not None and subject.written(setting) and subject.number(setting) > cores:
        message = (
            f"{subject.number(setting):g} processes on {cores} cores; more parallel workers only take turns"
        )
        yield Hit(f"setting[{setting}]", subject.keys(setting), message)


RULES = (more_than_processes, more_for_a_query, more_for_maintenance, more_than_cores)
