"""Baselines: what the statements of a target cost at one time, to compare with later.

What repeats is kept (buffers, temporary files, the plan), and times by those of a calibration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from hashlib import sha256
from statistics import median
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.layers.workload.calibrated import calibrated
from pgdeploy.layers.workload.calm import Calm
from pgdeploy.layers.workload.explain import Explained
from pgdeploy.layers.workload.login import Failed
from pgdeploy.layers.workload.parameter import statements
from pgdeploy.layers.workload.run import run_once, session

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.model.workload import StatementSpec, WorkloadsSpec
    from pgdeploy.reach.server import Server

VERSION = 1


@dataclass(frozen=True, slots=True)
class Cost:
    """What one statement costs."""

    statement: str
    """A digest of the text and its parameters."""
    rows: int
    buffers: int
    temp: int
    nodes: tuple[str, ...]
    """Its plan, as `Explained` has it."""
    ratios: tuple[float, ...]
    """Of each round: the time of one run, by that of the calibration before it."""
    best: float
    """The quickest run of all by the quickest calibration of all: what the machine can do when it is left alone."""
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
            texts = {name: statements(cursors[name], one)[0] for name, one in section.statements.items()}
            timed = calibrated(section, cursors, texts, Calm(spec, server))
        except psycopg.Error as error:
            raise TargetError(f"a workload failed: {Failed.of(error)}") from None
    calibrations = [second for rounds in timed.values() for second, _ in rounds]
    costs = {
        name: _cost(one, runs[name], timed[name], min(calibrations))  # type: ignore[arg-type]
        for name, one in section.statements.items()
    }
    return Baseline(target, spec.postgres, _machine(server), median(calibrations), costs)


def _cost(
    one: StatementSpec, run: Explained, timed: Sequence[tuple[float, float]], calibration: float
) -> Cost:
    text = json.dumps(
        [one.sql, one.model_dump()["parameters"], one.database, one.role, one.prepare],
        sort_keys=True,
        default=str,
    )
    taken = [seconds for _, seconds in timed]
    return Cost(
        statement=sha256(text.encode()).hexdigest()[:16],
        rows=run.rows,
        buffers=run.buffers,
        temp=run.temp,
        nodes=run.nodes,
        ratios=tuple(seconds / before for before, seconds in timed),
        best=min(taken) / calibration,
        seconds=median(taken),
    )


def _machine(server: Server) -> str:
    with closing(server.open()) as connection:
        row = connection.execute("SELECT version()").fetchone()
    return str(row[0]).partition(" on ")[2].partition(",")[0] if row is not None else ""
