"""What docs/services.md shows: three environments of one project, and a schema for each of its services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.layers import layer_of
from pgdeploy.reach.embedded import Cluster
from tests.conftest import ROOT, cluster
from tests.program import pgdeploy
from tests.services.place import read

_SHOWN = re.compile(r"```yaml\n# (specs/\S+\.yaml)\n(.*?)```", re.DOTALL)
SECRETS = {f"NEST_{name}": f"canary-{name}-1" for name in ("SUPERUSER", "AUTH", "PORTFOLIO", "ANALYTICS")}


@pytest.fixture
def nest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all specs of the page."""
    (tmp_path / "specs").mkdir()
    for name, text in _SHOWN.findall((ROOT / "docs/services.md").read_text()):
        (tmp_path / name).write_text(text)
    for variable, value in SECRETS.items():
        monkeypatch.setenv(variable, value)
    return tmp_path


def composed(nest: Path, name: str) -> dict[str, Any]:
    done = pgdeploy("render", name, "--layer", "service", cwd=nest)
    assert done.returncode == 0, done.stderr
    assert "canary" not in done.stdout
    return dict(read(done.stdout))


def test_three_environments(nest: Path) -> None:
    """They differ in limits, networks, TLS and where the secret comes from, and in nothing else."""
    dev, staging, production = (
        composed(nest, f"nest-{name}")["services"]["db"] for name in ("dev", "staging", "production")
    )
    assert {key for key in dev if dev[key] != staging.get(key)} == {
        "command",
        "networks",
        "ports",
        "mem_limit",
    }
    assert {key for key in production if production[key] != staging.get(key)} == {
        "image",
        "mem_limit",
        "cpus",
    }
    assert [one["mem_limit"] >> 20 for one in (dev, staging, production)] == [512, 4096, 16384]
    assert staging["networks"] == ["data"]
    assert composed(nest, "nest-production")["networks"]["data"] == {"internal": True}
    kinds = [load_target(nest / f"specs/nest-{name}.yaml").spec for name in ("staging", "production")]
    kept = [layer_of("service").of(spec).containers["db"].password.describe() for spec in kinds]
    assert kept == ["env NEST_SUPERUSER", "command vault"]


def test_what_they_differ_in_is_printed(nest: Path) -> None:
    done = pgdeploy("compare", "nest-dev", "nest-production", cwd=nest)
    assert done.returncode == 2, done.stderr
    assert "memory" in done.stdout


# -- a schema for each service -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    yield from cluster(17)


def red(nest: Path, server: Cluster) -> set[str]:
    """What drifts of the database, by probes, too; how people come in is not this server's."""
    with closing(
        Gate(load_target(nest / "specs/nest-dev.yaml"), ConnectionOptions(dsn=server.dsn), probes=True)
    ) as gate:
        gate.ask_layer("server")
        drifts = {one.check.id for one in gate.ask() if one.verdict is Verdict.DRIFTS}
        return {name for name in drifts if name.startswith(("grant", "default", "role", "schema"))}


def test_each_role_has_its_schema_and_nothing_else(nest: Path, server: Cluster) -> None:
    spec = nest / "specs/_nest.yaml"
    spec.write_text(re.sub(r"^hba:\n(  - .*\n)+", "", spec.read_text(), flags=re.MULTILINE))
    done = pgdeploy("apply", "nest-dev", "--yes", "--no-gate", "--dsn", server.dsn, cwd=nest)
    assert done.returncode == 0, done.stdout + done.stderr

    def run(*texts: str) -> None:
        with closing(server.open("nest")) as connection:
            for text in texts:
                connection.execute(text.encode())

    run("SET ROLE portfolio", "CREATE TABLE portfolio.positions (id int)")
    assert red(nest, server) == set()
    run("GRANT USAGE ON SCHEMA portfolio TO auth", "GRANT SELECT ON portfolio.positions TO auth")
    assert red(nest, server) == {"grant[nest].undeclared"}
    run("REVOKE ALL ON SCHEMA portfolio FROM auth", "REVOKE ALL ON portfolio.positions FROM auth")
    run("GRANT SELECT ON portfolio.positions TO PUBLIC")
    assert "grant[nest].undeclared" in red(nest, server)
    run("REVOKE ALL ON portfolio.positions FROM PUBLIC", "ALTER ROLE auth SET search_path = portfolio")
    assert red(nest, server) == {"role[auth].settings[search_path]"}
