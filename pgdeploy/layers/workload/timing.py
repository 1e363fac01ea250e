"""How long a statement takes, round by round: by pytest-benchmark where that is there, else by a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import ceil
from typing import Any


def rounds(run: Callable[[], object], number: int, warmup: int, benchmark: Any = None) -> list[float]:
    """Seconds of each round, after the warm-up."""
    if benchmark is not None:
        benchmark.pedantic(run, rounds=number, warmup_rounds=warmup, iterations=1)
        if benchmark.stats is not None:  # it times nothing with --benchmark-disable, or in a process of xdist
            return list(benchmark.stats.stats.data)
    for _ in range(warmup):
        run()
    taken = []
    for _ in range(number):
        started = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started)
    return taken


def percentile(taken: Sequence[float], part: float) -> float:
    """The time within which this part of the rounds, from 0 to 1, was done."""
    ordered = sorted(taken)
    return ordered[max(0, ceil(part * len(ordered)) - 1)]


def milliseconds(seconds: float) -> str:
    """A time for people: three digits that count."""
    return f"{seconds * 1000:.3g}ms"
