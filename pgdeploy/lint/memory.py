"""PGD1xx: the memory that settings can ask for, against the memory that there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pgdeploy.lint.rule import Hit, Severity, documentation, rule
from pgdeploy.lint.size import human
from pgdeploy.lint.subject import Subject

_RESOURCES = documentation("Resource Consumption", "runtime-config-resource")
_COUNTED = (
    "shared_buffers",
    "work_mem",
    "maintenance_work_mem",
    "autovacuum_work_mem",
    "effective_cache_size",
)
_MOST_SHARED = 0.4


class _Demand(NamedTuple):
    """Bytes that can be asked for at one time, by who asks."""

    shared: int
    sessions: int
    workers: int
    autovacuum: int
    maintenance: int


def _demand(subject: Subject) -> _Demand:
    each = subject.bytes("work_mem") * subject.number("hash_mem_multiplier")
    return _Demand(
        subject.bytes("shared_buffers"),
        round(subject.number("max_connections") * each),
        round(_workers(subject) * each),
        round(subject.number("autovacuum_max_workers")) * subject.bytes(_autovacuum_from(subject)),
        subject.bytes("maintenance_work_mem"),
    )


def _workers(subject: Subject) -> float:
    return min(subject.number("max_parallel_workers"), subject.number("max_worker_processes"))


def _autovacuum_from(subject: Subject) -> str:
    """-1 means: as much as maintenance_work_mem."""
    return "maintenance_work_mem" if subject.number("autovacuum_work_mem") < 0 else "autovacuum_work_mem"


def _arithmetic(subject: Subject, demand: _Demand) -> str:
    multiplier = f"hash_mem_multiplier {subject.number('hash_mem_multiplier'):g}"
    each = f"work_mem {human(subject.bytes('work_mem'))} x {multiplier}"
    autovacuum = _autovacuum_from(subject)
    vacuums = f"autovacuum_max_workers {subject.number('autovacuum_max_workers'):g}"
    parts = [
        f"shared_buffers {human(demand.shared)}",
        f"max_connections {subject.number('max_connections'):g} x {each} = {human(demand.sessions)}",
        f"{_workers(subject):g} parallel workers x the same = {human(demand.workers)}",
        f"{vacuums} x {autovacuum} {human(subject.bytes(autovacuum))} = {human(demand.autovacuum)}",
        f"one maintenance_work_mem {human(demand.maintenance)}",
    ]
    return " + ".join(parts)


def _fitting(subject: Subject, demand: _Demand, memory: int) -> str:
    """The work_mem with which it would fit."""
    rest = memory - demand.shared - demand.autovacuum - demand.maintenance
    sessions = subject.number("max_connections") + _workers(subject)
    megabytes = int(rest / (sessions * subject.number("hash_mem_multiplier")) / 1024**2)
    if megabytes < 1:
        return "no work_mem is small enough; take from the others, or from max_connections"
    return (
        f"with work_mem {megabytes}MB it fits; give the few that need more theirs by ALTER ROLE or SET LOCAL"
    )


@rule("PGD101", Severity.WARNING, "settings can ask for more memory than the machine has", _RESOURCES)
def overcommitted(subject: Subject) -> Iterator[Hit]:
    """work_mem is no budget of the server: every sort of every session may take that much, and every hash
    hash_mem_multiplier times that. So each connection and each parallel worker is counted with one hash,
    which is modest, as one query may have several. Autovacuum's workers and one maintenance command
    (CREATE INDEX, VACUUM) take theirs beside that, and shared_buffers is taken at the start. When all
    this is more than there is, a busy hour ends with the kernel killing a backend, which restarts every
    session of the server, or with swapping. Lower work_mem, or lower max_connections and put a pooler in
    front; give more memory to the few roles or statements that need it (ALTER ROLE ... SET work_mem, SET
    LOCAL)."""
    demand = _demand(subject)
    if subject.memory is None or sum(demand) <= subject.memory:
        return
    message = (
        f"{human(sum(demand))} can be asked for, and the machine has {human(subject.memory)}: "
        f"{_arithmetic(subject, demand)}; {_fitting(subject, demand, subject.memory)}"
    )
    yield Hit("setting[work_mem]", subject.keys("work_mem"), message)


@rule("PGD102", Severity.WARNING, "shared_buffers takes more than 40% of the memory", _RESOURCES)
def large_shared_buffers(subject: Subject) -> Iterator[Hit]:
    """PostgreSQL reads its files through the operating system, whose cache holds what shared_buffers
    does not. The documentation calls 25% of the memory a reasonable start and more than 40% unlikely
    to work better: the same pages are then held twice, and sessions, maintenance and the system have
    less. Every checkpoint also has more dirty pages to write. Take about a quarter, and measure before
    taking more."""
    size = subject.bytes("shared_buffers")
    if subject.memory is not None and size > _MOST_SHARED * subject.memory:
        share = f"{human(size)} is {100 * size / subject.memory:.0f}% of {human(subject.memory)}"
        message = f"{share}; start with a quarter ({human(subject.memory // 4)}), and stay below 40%"
        yield Hit("setting[shared_buffers]", subject.keys("shared_buffers"), message)


@rule(
    "PGD103",
    Severity.WARNING,
    "effective_cache_size is more than the memory",
    documentation("Query Planning", "runtime-config-query"),
)
def large_cache(subject: Subject) -> Iterator[Hit]:
    """effective_cache_size takes no memory: it tells the planner how much of the database it may expect
    to find in memory, in shared_buffers and the system's cache together. Said to be more than there is,
    index scans look cheaper than they are, and large joins choose random reads that go to the disk. Half
    to three quarters of the memory of a machine that has nothing else to do is usual. Where it is not
    written, the default of 4GB is what is compared."""
    size = subject.bytes("effective_cache_size")
    if subject.memory is not None and size > subject.memory:
        message = (
            f"{human(size)} is more than the machine's {human(subject.memory)}; "
            f"half to three quarters is usual ({human(subject.memory // 2)} to {human(subject.memory * 3 // 4)})"
        )
        yield Hit("setting[effective_cache_size]", subject.keys("effective_cache_size"), message)


@rule("PGD104", Severity.WARNING, "work_mem of a role or database is too much for its sessions", _RESOURCES)
def large_override(subject: Subject) -> Iterator[Hit]:
    """ALTER ROLE ... SET work_mem and ALTER DATABASE ... SET work_mem lay a value of their own over the
    server's, and hold for every session of that role or in that database. To give a few sessions more is
    the right way, as long as they are few: what counts is how many there can be at one time. Here that
    many sessions with one hash each, and shared_buffers, are more than the machine has. Set a connection
    limit on the role or database, lower the value, or use SET LOCAL in the transactions that need it."""
    multiplier = subject.number("hash_mem_multiplier")
    for written in subject.overrides("work_mem"):
        sessions = written.limit if written.limit >= 0 else round(subject.number("max_connections"))
        each = int(written.value) * 1024 if isinstance(written.value, int) else 0
        total = subject.bytes("shared_buffers") + round(sessions * each * multiplier)
        if subject.memory is not None and total > subject.memory:
            message = (
                f"{sessions} sessions x work_mem {human(each)} x hash_mem_multiplier {multiplier:g} and "
                f"shared_buffers are {human(total)}, and the machine has {human(subject.memory)}; "
                "set a connection_limit, or less work_mem"
            )
            yield Hit(written.address, written.keys, message)


@rule(
    "PGD105", Severity.NOTE, "sizes are set, and the spec does not say how much memory there is", _RESOURCES
)
def unknown_memory(subject: Subject) -> Iterator[Hit]:
    """Whether shared_buffers, work_mem and the others fit can only be said against the memory of the
    machine. Without `machine: {memory: ...}` the rules about memory are silent, and silence could be
    taken for praise. Write the memory of the host, or the limit of the container or VM that the server
    runs in; it is used for advice only and never compared with the host. It is a size as PostgreSQL has
    them, such as 48GB or 512MB."""
    written = [setting for setting in _COUNTED if any(subject.everywhere(setting))]
    if subject.memory is not None or not (written or subject.spec.machine.memory):
        return
    said = subject.spec.machine.memory
    problem = "is not said" if said is None else f"says {said!r}, which is no size"
    what = f"{', '.join(written)} cannot be judged" if written else "memory cannot be judged"
    yield Hit("machine[memory]", ("machine", "memory"), f"memory {problem}, so {what}; write it such as 48GB")


RULES = (overcommitted, large_shared_buffers, large_cache, large_override, unknown_memory)
