"""A real host in a container: the gate and pg01.py, against the naive way and against the bare least of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.errors import TargetError
from pgdeploy.gate.container.docker import require_engine
from pgdeploy.gate.container.image import image
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.layers.host.declared import declared_host
from pgdeploy.layers.host.question import question, script
from pgdeploy.layers.server.kinds import QUERIES
from pgdeploy.reach.remote import command
from tests.host.machine import SECRETS, Machine, booted, deployed, environment
from tests.host.texts import pg15

pytestmark = pytest.mark.docker

TRIVIAL = """
from pyinfra.operations import files
for number in range({count}):
    files.directory(name=f"A directory that is there, {{number}}", path="/etc")
"""


@pytest.fixture(scope="module")
def host(first: dict[str, float]) -> Iterator[Machine]:
    try:
        require_engine()
    except TargetError as error:
        if os.environ.get("PGDEPLOY_CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    with booted(image("debian-12")) as machine:
        machine.spec(pg15())
        start = time.perf_counter()
        deployed(machine)
        first["seconds"] = time.perf_counter() - start
        with patch.dict(os.environ, SECRETS):
            yield machine


@pytest.fixture(scope="module")
def first() -> dict[str, float]:
    """How long the first deploy took."""
    return {}


def open_gate(machine: Machine) -> Gate:
    target = load_target(machine.specs / "prod-pg01.yaml")
    return Gate(target, ConnectionOptions(ssh_config=machine.ssh_config), probes=False)


@pytest.mark.benchmark(group="host")
class TestGate:
    def test_bare(self, benchmark: Any, host: Machine) -> None:
        """One ssh command that gathers, one that reads the catalogue: no less could give these facts."""
        benchmark.name = "one bare gather and one SQL read"
        target = load_target(host.specs / "prod-pg01.yaml")
        declared = declared_host(target.declared)
        assert declared is not None
        gather = command(script(), question(declared))
        scope = {"databases": "ARRAY['shop']", "roles": "ARRAY['app']", "named": "ARRAY[]::text[]"}
        scope["whole"] = scope["named"]
        texts = [query.text(15) for query in QUERIES if query.since <= 15]
        for name, value in scope.items():
            texts = [text.replace(f"%({name})s", value) for text in texts]
        psql = "runuser -u postgres -- psql -XAtq -d shop -f -"

        def bare() -> int:
            ssh = ["ssh", "-F", str(host.ssh_config), "pg01"]
            host_facts = subprocess.run([*ssh, gather], capture_output=True, check=True, input=b"").stdout
            rows = subprocess.run(
                [*ssh, psql], capture_output=True, check=True, input=";\n".join(texts).encode()
            ).stdout
            return len(host_facts) + len(rows)

        assert benchmark.pedantic(bare, rounds=5) > 10000

    def test_ours(self, benchmark: Any, host: Machine) -> None:
        benchmark.name = "our gate of the host and its server"

        def ours() -> int:
            gate = open_gate(host)
            try:
                verdicts = {gate.evaluate(check).verdict for check in gate.checks}
            finally:
                gate.close()
            assert verdicts <= {Verdict.CONFORMS, Verdict.INAPPLICABLE}
            return len(gate.checks)

        assert benchmark.pedantic(ours, rounds=5) > 150

    def test_naive(self, benchmark: Any, host: Machine) -> None:
        """What a folder of testinfra tests costs: a command of its own for each check; of a tenth of them."""
        import testinfra

        checks = len(open_gate(host).target.checks_of("host"))
        part = checks // 10
        benchmark.name = f"one testinfra command a check, {part} of {checks} checks of the host alone"
        naive = testinfra.get_host("ssh://pg01", ssh_config=str(host.ssh_config), controlpersist=0)

        def one_by_one() -> int:
            return sum(naive.run("stat -c %a /mnt/data/pg01").stdout == "700\n" for _ in range(part))

        assert benchmark.pedantic(one_by_one, rounds=1) == part


@pytest.mark.benchmark(group="unchanged")
class TestDeploy:
    def test_trivial(self, benchmark: Any, host: Machine, tmp_path: Path) -> None:
        benchmark.name = "pyinfra with as many trivial operations"
        count = run_pg01(host).count("No changes")
        trivial = tmp_path / "trivial.py"
        trivial.write_text(TRIVIAL.format(count=count))
        said = benchmark.pedantic(run_pyinfra, (host, str(trivial)), rounds=3)
        assert said.count("No changes") == count

    def test_ours(self, benchmark: Any, host: Machine) -> None:
        benchmark.name = "pg01.py with nothing to do"
        said = benchmark.pedantic(run_pg01, (host,), rounds=3)
        assert "Success " not in said.replace("Success   Error", "")


def run_pg01(host: Machine) -> str:
    return run_pyinfra(host, "pyinfra_deploys/pg01.py")


def run_pyinfra(host: Machine, deploy: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pyinfra", "inventory.py", deploy, "-y"],
        env=environment(host),
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout + done.stderr


@pytest.mark.benchmark(group="first")
def test_first_deploy(benchmark: Any, host: Machine, first: dict[str, float]) -> None:
    """Measured when the host was made; source 000 allows 15 minutes, which is the spec's `deployment: within`."""
    benchmark.name = f"first deploy took {first['seconds']:.1f} s, the source allows 900 s"
    assert benchmark.pedantic(lambda: host.run("cat /var/lib/pgdeploy/deployment.json"), rounds=1)
