"""Red and green: hand-written SQL breaks one thing on a real server, and pgdeploy says and mends just that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgdeploy.apply import apply
from pgdeploy.errors import ApplyError
from tests.redgreen.bench import SERVERS, Bench, Case
from tests.redgreen.cases import CASES

PROOFS = [
    pytest.param(server, case, id=f"{server}: {kind}: {case.name}")
    for server, (major, _) in SERVERS.items()
    for kind, cases in CASES.items()
    for case in cases
    if case.fits(major)
]


@pytest.mark.parametrize(("server", "case"), PROOFS)
def test_red_then_green(benches: Callable[[str], Bench], server: str, case: Case) -> None:
    benches(server).prove(case)


@pytest.mark.parametrize("line", ["work_memory = 8MB", "!!!"])
def test_a_setting_that_the_server_cannot_load(benches: Callable[[str], Bench], line: str) -> None:
    """One bad line in a file, and the server takes nothing from any: apply says which line it is."""
    bench = benches("18")
    bench.run("ALTER SYSTEM SET work_mem = '9MB'")
    bench.append("postgresql.conf", line)
    with pytest.raises(
        ApplyError, match=r"refuses its configuration files as a whole: .*/postgresql.conf:\d+: "
    ):
        apply(bench.plan(bench.read()), bench.cluster)
    bench.put_back("postgresql.conf")
    bench.prove_green()
