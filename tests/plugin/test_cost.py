"""An item costs at most one and a half times a trivial test, in the same run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from statistics import median
from time import process_time

import pytest

from tests.plugin.site import QUIET, Site

pytest_plugins = ["pytester"]

ITEMS = 2000


class Clock:
    """The processor time of each item by its class; medians, as the machine has other work too."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        start = process_time()
        try:
            return (yield)
        finally:
            self.times[type(item).__name__].append(process_time() - start)


def test_an_item_costs_little(site: Site) -> None:
    roles = "".join(f"  town_{number}: {{login: true}}\n" for number in range(ITEMS // 9))
    site.write("specs/town.yaml", f"postgres: 16\nroles:\n{roles}")
    site.write("specs/test_trivial.py", "".join(f"def test_{number}(): pass\n" for number in range(ITEMS)))
    clock = Clock()
    arguments = [*QUIET, "--target", "town", "--on", "embedded", "-q"]
    result = site.pytester.runpytest_inprocess(*arguments, plugins=[clock])
    assert result.ret == pytest.ExitCode.OK
    checks, trivial = clock.times["CheckItem"], clock.times["Function"]
    assert len(checks) >= ITEMS * 0.95
    assert median(checks) < 1.5 * median(trivial)
