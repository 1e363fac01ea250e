"""Times of statements that can be compared later: round by round, each right behind a calibration.

Times are noisy, so none is compared as it is. The calibration is the same work on any server, and a machine that is
busy slows both. A statement that is quick runs as often in a round as makes it as long as the calibration, and the
server waits for nobody in between: else a busy machine, which lets a client wait, would slow the quick ones more.
Rounds of different statements alternate, and go on until the median is known well enough.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.layers.workload.parameter import execute
from pgdeploy.layers.workload.timing import interval
from pgdeploy.model.host.amount import seconds_of

if TYPE_CHECKING:
    from pgdeploy.layers.workload.calm import Calm
    from pgdeploy.layers.workload.parameter import Cursor
    from pgdeploy.model.workload import WorkloadsSpec

CALIBRATION = "SELECT sum(g) FROM pg_catalog.generate_series(1, 50000) g"
LEAST_ROUNDS, MOST_ROUNDS = 15, 60
"""Fewer say too little about a median, and more say little that is new."""
KNOWN = 1.1
"""Rounds go on while the interval of the median is wider than this."""
MOST_REPEATS = 50
"""Of a statement within one round."""
TRIES = 5
"""Of a quick statement, to learn how often it runs within one round."""


def calibrated(
    section: WorkloadsSpec, cursors: Mapping[str, Cursor], texts: Mapping[str, str], calm: Calm
) -> dict[str, list[tuple[float, float]]]:
    """Seconds of the calibration and of one run of the statement, round by round; the statements take turns.

    The budget ends the rounds. Raises TargetError when it does before each statement had its least, or the server is
    not calm any more.
    """
    end = time.monotonic() + seconds_of(section.budget)
    timed: dict[str, list[tuple[float, float]]] = {name: [] for name in section.statements}
    least = {name: max(one.rounds, LEAST_ROUNDS) for name, one in section.statements.items()}
    repeats = {name: _repeats(cursors[name], texts[name]) for name in timed}
    for name, one in section.statements.items():
        for _ in range(one.warmup):
            _seconds(cursors[name], texts[name], 1)
    while left := [name for name, pairs in timed.items() if _restless(pairs, least[name])]:
        for name in left:
            if time.monotonic() > end:
                if all(len(pairs) >= least[one] for one, pairs in timed.items()):
                    return timed
                raise TargetError(
                    f"the workloads took longer than their budget of {section.budget}; allow more, or less rounds"
                )
            calm.keep()
            calibration = _seconds(cursors[name], CALIBRATION, 1)
            taken = _seconds(cursors[name], texts[name], repeats[name])
            timed[name].append((calibration, taken))
    return timed


def _restless(pairs: Sequence[tuple[float, float]], least: int) -> bool:
    """Does another round say more about the median?"""
    if len(pairs) < least or len(pairs) >= max(least, MOST_ROUNDS):
        return len(pairs) < least
    low, high = interval([taken / calibration for calibration, taken in pairs])
    return high > low * KNOWN


def _repeats(cursor: Cursor, text: str) -> int:
    """How often the statement runs while the calibration runs once."""
    calibration, taken = _seconds(cursor, CALIBRATION, 1), _seconds(cursor, text, 1)
    if taken > calibration:
        return 1
    calibration = min(_seconds(cursor, CALIBRATION, 1) for _ in range(TRIES))
    taken = min(_seconds(cursor, text, 1) for _ in range(TRIES))
    return min(max(round(calibration / taken), 1), MOST_REPEATS)


def _seconds(cursor: Cursor, text: str, repeats: int) -> float:
    """How long the server plans and executes a statement, on average of so many runs that are sent at once."""
    query = f"EXPLAIN (ANALYZE, TIMING off, BUFFERS off, SUMMARY, FORMAT json) {text}"
    with cursor.connection.pipeline():
        cursors = [cursor.connection.cursor() for _ in range(repeats)]
        for one in cursors:
            execute(one, query)
    said = [one.fetchone()[0][0] for one in cursors]  # type: ignore[index]
    taken: float = sum(one["Planning Time"] + one["Execution Time"] for one in said)
    return taken / repeats / 1000
