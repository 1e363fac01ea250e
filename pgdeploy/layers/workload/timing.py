"""How long a statement takes, round by round: by pytest-benchmark where that is there, else by a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import ceil, comb
from typing import Any

CONFIDENCE = 0.99


def rounds(
    run: Callable[[], object],
    number: int,
    warmup: int,
    benchmark: Any = None,
    between: Callable[[], None] = lambda: None,
) -> list[float]:
    """Seconds of each round, after the warm-up; `between` them is not timed."""
    if benchmark is not None:
        benchmark.pedantic(run, setup=between, rounds=number, warmup_rounds=warmup, iterations=1)
        if benchmark.stats is not None:  # it times nothing with --benchmark-disable, or in a process of xdist
            return list(benchmark.stats.stats.data)
    for _ in range(warmup):
        between()
        run()
    taken = []
    for _ in range(number):
        between()
        started = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started)
    return taken


def percentile(taken: Sequence[float], part: float) -> float:
    """The time within which this part of the rounds, from 0 to 1, was done."""
    ordered = sorted(taken)
    return ordered[max(0, ceil(part * len(ordered)) - 1)]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Between which two of these values the median of all that could be measured is, with CONFIDENCE.

    By order statistics, which assume nothing about the distribution: the number of values below the true median is
    binomial with p = 1/2.
    """
    ordered, number = sorted(values), len(values)
    missed, rank = 0.0, 0
    while rank < number // 2:
        missed += comb(number, rank) / 2**number
        if 2 * missed > 1 - CONFIDENCE:
            break
        rank += 1
    first = max(rank - 1, 0)
    return ordered[first], ordered[number - 1 - first]


def milliseconds(seconds: float) -> str:
    """A time for people: three digits that count."""
    return f"{seconds * 1000:.3g}ms"
