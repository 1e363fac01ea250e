"""The servers of the proofs have everything that a spec can say: what is captured of them says it all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgdeploy.lifecycle.capture import draft, proved
from tests.drift_cases.bench import SERVERS, Bench


@pytest.mark.parametrize("server", SERVERS)
def test_everything_is_captured(
    benches: Callable[..., Bench], server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = benches(server)
    made = proved(draft(bench.cluster, {}), "captured", bench.cluster)
    assert made.problems == ()
    assert [known.rpartition(".")[2] for known in made.unproved] == ["password"]
    assert "SCRAM-SHA-256$" not in made.text + made.example
