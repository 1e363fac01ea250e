"""Baselines: what the statements of a target cost at one time, to compare with later.

Times are noisy, so none is compared as it is. Each round of a statement runs right behind a calibration, which is the
same work on any server, and their ratio is kept: a machine that is busy slows both. Rounds of different statements
alternate. What repeats (buffers, temporary files) decides before any time does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from hashlib import sha256
from statistics import median
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.layers.workload.explain import Explained
from pgdeploy.layers.workload.run import Failed, execute, run_once, session, statement
from pgdeploy.model.host.amount import seconds_of

if TYPE_CHECKING:
    from pgdeploy.layers.workload.run import Cursor
    from pgdeploy.model.spec import Spec
    from pgdeploy.model.workload import StatementSpec, WorkloadsSpec
    from pgdeploy.reach.server import Server

VERSION = 1
CALIBRATION = b"SELECT sum(g) FROM pg_catalog.generate_series(1, 50000) g"
LEAST_ROUNDS = 15
"""Fewer say too little about a median."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one statement costs."""

    statement: str
    """A digest of the text and its parameters."""
    rows: int
    buffers: int
    temp: int
    nodes: tuple[str, ...]
    ratios: tuple[float, ...]
    """Of each round: its time, by that of the calibration before it."""
    seconds: float
    """The median, for people."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The costs of a target's statements, and where they were measured."""

    target: str
    major: int
    machine: str
    """Architecture of the server's machine."""
    calibration: float
    """Seconds, the median."""
    statements: Mapping[str, Cost]

    def as_text(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def read(cls, text: str) -> Baseline:
        """The same from its text. Raises ValueError when it is none."""
        try:
            data = json.loads(text)
            if data.pop("version") != VERSION:
                raise ValueError("written by another version of pgdeploy; save it again")
            costs = {
                name: Cost(**{**cost, "nodes": tuple(cost["nodes"]), "ratios": tuple(cost["ratios"])})
                for name, cost in data.pop("statements").items()
            }
            return cls(**data, statements=costs)
        except (TypeError, KeyError, AttributeError, json.JSONDecodeError):
            raise ValueError("no baseline of pgdeploy") from None


def measure(target: str, spec: Spec, section: WorkloadsSpec, server: Server) -> Baseline:
    """What the statements cost now.

    Raises:
        TargetError, SecretError: a statement does not run; nothing is half measured.
    """
    import psycopg

    runs = {name: run_once(spec, one, server) for name, one in section.statements.items()}
    for name, run in runs.items():
        if isinstance(run, Failed):
            raise TargetError(f"workload {name} does not run: {run}")
    with ExitStack() as stack:
        cursors = {
            name: stack.enter_context(session(spec, one, server)) for name, one in section.statements.items()
        }
        try:
            texts = {name: statement(cursors[name], one) for name, one in section.statements.items()}
            timed = _rounds(section, cursors, texts)
        except psycopg.Error as error:
            raise TargetError(f"a workload failed: {Failed.of(error)}") from None
    costs = {
        name: _cost(one, runs[name], timed[name])  # type: ignore[arg-type]
        for name, one in section.statements.items()
    }
    calibration = median(second for rounds in timed.values() for second, _ in rounds)
    return Baseline(target, spec.postgres, _machine(server), calibration, costs)


def _rounds(
    section: WorkloadsSpec, cursors: Mapping[str, Cursor], texts: Mapping[str, str]
) -> dict[str, list[tuple[float, float]]]:
    """Seconds of the calibration and of the statement, round by round; the statements take turns."""
    statements, end = section.statements, time.monotonic() + seconds_of(section.budget)
    timed: dict[str, list[tuple[float, float]]] = {name: [] for name in statements}
    most = max(max(one.rounds, LEAST_ROUNDS) + one.warmup for one in statements.values())
    for number in range(most):
        for name, one in statements.items():
            if number >= max(one.rounds, LEAST_ROUNDS) + one.warmup:
                continue
            if time.monotonic() > end:
                raise TargetError(
                    f"the workloads took longer than their budget of {section.budget}; allow more, or less rounds"
                )
            pair = _once(cursors[name], texts[name])
            if number >= one.warmup:
                timed[name].append(pair)
    return timed


def _once(cursor: Cursor, text: str) -> tuple[float, float]:
    started = time.perf_counter()
    cursor.execute(CALIBRATION)
    cursor.fetchall()
    between = time.perf_counter()
    execute(cursor, text)
    if cursor.description is not None:
        cursor.fetchall()
    return between - started, time.perf_counter() - between


def _cost(one: StatementSpec, run: Explained, timed: Sequence[tuple[float, float]]) -> Cost:
    text = json.dumps(
        [one.sql, one.model_dump()["parameters"], one.database, one.role], sort_keys=True, default=str
    )
    ratios = tuple(seconds / calibration for calibration, seconds in timed)
    names = tuple(line.partition(" (")[0] for line in run.nodes)
    seconds = median(seconds for _, seconds in timed)
    return Cost(
        sha256(text.encode()).hexdigest()[:16], run.rows, run.buffers, run.temp, names, ratios, seconds
    )


def _machine(server: Server) -> str:
    with closing(server.open()) as connection:
        row = connection.execute("SELECT version()").fetchone()
    return str(row[0]).partition(" on ")[2].partition(",")[0] if row is not None else ""
