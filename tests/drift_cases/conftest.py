"""The servers of the proofs. Failed assertions in the bench show what they compared, as those in tests do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

pytest.register_assert_rewrite("tests.drift_cases.bench")

from tests.drift_cases.bench import SERVERS, Bench, bench  # noqa: E402


@pytest.fixture(scope="session")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Bench]]:
    """The bench of a server. One runs at a time, as the proofs stand in that order; a failure spoils it.

    `settled`: whether it must be proved first that the case before left nothing.
    """
    with ExitStack() as running:
        ready: dict[str, Bench] = {}

        def start(server: str, *, settled: bool = True) -> Bench:
            if server not in ready or not ready[server].green:
                running.close()
                ready.clear()
                major, names = SERVERS[server]
                folder = tmp_path_factory.mktemp("spec")
                ready[server] = running.enter_context(bench(major, names, folder))
            if settled:
                ready[server].settle()
            return ready[server]

        yield start
