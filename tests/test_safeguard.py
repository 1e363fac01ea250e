"""Settings that lose data, on a server of its own: those that the tests' other servers have on their command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import plan
from pgdeploy.layers.server.remedy import remedy
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from tests.conftest import cluster
from tests.diff import diff

PROTOCOL = "setting[ssl_min_protocol_version].value"


def _target(folder: Path, text: str = "") -> Target:
    file = folder / "small.yaml"
    way = "ssh: {host: x.example}" if text.startswith("host") else "dsn: host=x"
    roles = "roles: {postgres: {superuser: true}}"
    file.write_text(f"postgres: 16\nconnect: {{{way}}}\n{roles}\n{text}")
    return load_target(file)


@pytest.fixture(scope="module")
def bare() -> Iterator[Cluster]:
    """A server without options of the tests: fsync is on."""
    yield from cluster(16, ())


def _run(server: Cluster, *texts: str) -> None:
    with server.open(configured=False) as connection:
        connection.autocommit = True
        for text in (*texts, "SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)"):
            connection.execute(text.encode())


def _finding(server: Cluster, target: Target, check_id: str) -> Finding:
    facts = target.read(DsnServer(server.dsn))
    return next(f for f in diff(target.checks, facts) if f.check.id == check_id)


def test_fsync(bare: Cluster, tmp_path: Path) -> None:
    target = _target(tmp_path)
    assert _finding(bare, target, "setting[fsync].value").verdict is Verdict.CONFORMS
    _run(bare, "ALTER SYSTEM SET fsync = off")
    found = _finding(bare, target, "setting[fsync].value")
    assert (found.verdict, found.desired, found.actual) == (Verdict.DRIFTS, "on", "off")
    facts = target.read(bare)
    apply(plan(target.spec, target.resources, facts), bare)
    assert _finding(bare, target, "setting[fsync].value").verdict is Verdict.CONFORMS


def test_on_the_command_line_it_is_said_and_not_counted_as_right(server16: Cluster, tmp_path: Path) -> None:
    found = _finding(server16, _target(tmp_path), "setting[fsync].value")
    assert found.verdict is Verdict.INAPPLICABLE
    assert "fsync = off stands on the server's command line" in found.reason
    assert "write `fsync: on` in settings" in found.reason
    written = _finding(server16, _target(tmp_path, "settings: {fsync: on}"), "setting[fsync].value")
    assert written.verdict is Verdict.DRIFTS


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ("TLSv1", Verdict.DRIFTS),
        ("TLSv1.1", Verdict.DRIFTS),
        ("TLSv1.2", Verdict.CONFORMS),
        ("tlsv1.3", Verdict.CONFORMS),
    ],
)
def test_the_lowest_version_of_tls(bare: Cluster, tmp_path: Path, version: str, verdict: Verdict) -> None:
    """The protocol is held where the spec switches TLS on; the server need not be able to speak it."""
    target = _target(tmp_path, "settings: {ssl: on}")
    _run(bare, f"ALTER SYSTEM SET ssl_min_protocol_version = '{version}'")
    found = _finding(bare, target, PROTOCOL)
    facts = target.read(DsnServer(bare.dsn))
    said = remedy(found, facts)
    _run(bare, "ALTER SYSTEM RESET ssl_min_protocol_version")
    assert found.verdict is verdict
    if verdict is Verdict.DRIFTS:
        assert said == "ALTER SYSTEM SET \"ssl_min_protocol_version\" TO 'TLSv1.2';"


def test_without_tls_nothing_is_asked_of_its_protocol(tmp_path: Path) -> None:
    assert PROTOCOL not in {check.id for check in _target(tmp_path).checks}
    assert PROTOCOL not in {check.id for check in _target(tmp_path, "settings: {ssl: off}").checks}


def test_what_the_host_says_of_tls_is_held(tmp_path: Path) -> None:
    tls = "host: {tls: {self_signed: true, names: [a.example], minimum: TLSv1.3}}\n"
    target = _target(tmp_path, tls)
    check = next(check for check in target.checks if check.id == PROTOCOL)
    assert check.keys == ("host", "tls")
    assert getattr(check.resource, "value", None) == "TLSv1.3"
