"""The fixture `host` in users' own tests: testinfra's, already at the target; and testinfra's own without a target."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgdeploy.reach.embedded import Cluster

pytest_plugins = ["pytester"]

QUIET = ("--no-probes", "-W", "error", "-p", "no:hypothesispytest", "-p", "no:benchmark")

SPEC = """
postgres: 16
connect:
  ssh: {{host: 127.0.0.1, user: root, port: {port}, key: {home}/key, known_hosts: {home}/known_hosts}}
settings: {{unix_socket_directories: {sockets}}}
"""

OWN = """
import os
import pytest

@pytest.fixture(scope="module")
def modest(host):
    return host

def test_own(host, modest):
    assert host is modest
    assert host.file("/etc/passwd").exists
    print("backend", host.backend.NAME, "ssh", bool(host.check_output("echo $SSH_CONNECTION")))
"""


@pytest.fixture
def site(
    pytester: pytest.Pytester, sshd: tuple[Path, int], server16: Cluster, sockets: Path
) -> pytest.Pytester:
    home, port = sshd
    folder = pytester.mkdir("specs")
    (folder / "far.yaml").write_text(SPEC.format(home=home, port=port, sockets=sockets))
    (folder / "near.yaml").write_text(f"postgres: 16\nconnect: {{dsn: '{server16.dsn}'}}\n")
    (folder / "wrong.yaml").write_text(SPEC.format(home=home, port=1, sockets=sockets))
    (folder / "test_own.py").write_text(OWN)
    return pytester


def run(site: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return site.runpytest_inprocess("specs/test_own.py", "-s", "-rs", *QUIET, *arguments)


def test_with_a_target_it_is_the_targets_host(site: pytest.Pytester) -> None:
    result = run(site, "--target", "far")
    assert result.parseoutcomes() == {"passed": 1}
    result.stdout.fnmatch_lines(["*backend ssh ssh True"])


def test_hosts_of_testinfras_own_options_are_not_looked_at(site: pytest.Pytester) -> None:
    result = run(site, "--target", "far", "--hosts", "local://")
    assert result.parseoutcomes() == {"passed": 1}
    result.stdout.fnmatch_lines(["*backend ssh ssh True"])


def test_without_a_target_it_is_testinfras(site: pytest.Pytester) -> None:
    result = run(site, "--hosts", "local://")
    assert result.parseoutcomes() == {"passed": 1}
    result.stdout.fnmatch_lines(["*backend local*"])


def test_a_server_without_a_host_skips_with_the_reason(site: pytest.Pytester) -> None:
    result = run(site, "--target", "near")
    assert result.parseoutcomes() == {"skipped": 1}
    result.stdout.fnmatch_lines(["SKIPPED*no host of near can be looked at: *ssh*"])


def test_each_target_has_its_own(site: pytest.Pytester) -> None:
    result = run(site, "--target", "far", "--target", "near")
    assert result.parseoutcomes() == {"passed": 1, "skipped": 1}


def test_a_host_out_of_reach_is_told_once(site: pytest.Pytester) -> None:
    result = run(site, "--target", "wrong")
    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(["target wrong could not be used: 127.0.0.1 (ssh): *Connection refused*"])
