"""A server that has everything that a spec can say is backed up, restored into a new one, and is right there."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pgdeploy.gate.target import load_target
from pgdeploy.layers import layer_of
from pgdeploy.layers.backup.dump import take
from pgdeploy.layers.server.change import ident
from pgdeploy.lifecycle.prove_restore import prove
from pgdeploy.lifecycle.restore import places, restore
from tests.conftest import require_programs
from tests.drift_cases.bench import SERVERS, Bench


@pytest.mark.parametrize("server", ["15", "18"])
def test_everything_comes_back(benches: Callable[[str], Bench], server: str, tmp_path: Path) -> None:
    bench, (major, _) = benches(server), SERVERS[server]
    file = tmp_path / "all.yaml"
    file.write_text(f"{Path(bench.target.file).read_text()}backup: {{repository: {{path: kept}}}}\n")
    target = load_target(file)
    section = layer_of("backup").of(target.spec)
    made = take(target.name, target.spec, section, bench.cluster, lambda _: None)
    closed = {name for name, body in target.spec.databases.items() if body.allow_connections is False}
    assert set(made.databases) == set(target.spec.databases) - closed
    assert closed
    record = prove(target, section, None, require_programs(major), lambda _: None)
    assert record.failed == ()
    assert record.checks > 100
    (name, *_) = made.databases
    beside = places(bench.cluster, made, [name], f"{name[:30]} again", time.time())
    folder = file.parent / "kept" / made.label
    restore(made, folder, section, bench.cluster, beside, lambda _: None)
    with bench.cluster.open() as connection:
        connection.execute(f"DROP DATABASE {ident(beside[0].name)}".encode())
