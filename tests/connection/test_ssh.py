"""Over a real sshd: plan, apply and check by peer authentication; and what is said when ssh fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.errors import TargetError
from pgdeploy.gate.connect import connect
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import plan
from pgdeploy.reach.embedded import Cluster
from tests.conftest import not_conforming
from tests.diff import diff

SPEC = """
postgres: 16
connect:
  ssh: {{host: 127.0.0.1, user: root, port: {port}, key: {home}/key, known_hosts: {home}/known_hosts}}
settings: {{unix_socket_directories: {sockets}}}
roles: {{over_ssh: {{login: true}}}}
"""


@pytest.fixture
def target(sshd: tuple[Path, int], server16: Cluster, sockets: Path, tmp_path: Path) -> Iterator[Target]:
    home, port = sshd
    file = tmp_path / "ssh.yaml"
    file.write_text(SPEC.format(port=port, home=home, sockets=sockets))
    yield load_target(file)
    with server16.open() as connection:
        connection.execute("DROP ROLE IF EXISTS over_ssh")


def test_plan_apply_and_check(target: Target) -> None:
    server = connect(target)
    try:
        first = plan(target.spec, target.resources, target.read(server))
        assert ["over_ssh" in change.statements[0].text for change in first.changes] == [True]
        apply(first, server)
        facts = target.read(server)
        assert not_conforming(diff(target.checks, facts)) == []
    finally:
        server.close()


def test_an_ssh_config_overrides_the_address(sshd: tuple[Path, int], target: Target, tmp_path: Path) -> None:
    home, port = sshd
    config = tmp_path / "ssh_config"
    config.write_text(
        f"Host 127.0.0.1\n  Port {port}\n  User root\n  IdentityFile {home}/key\n"
        f"  UserKnownHostsFile {home}/known_hosts\n"
    )
    server = connect(target, ssh_config=config)
    try:
        assert target.read(server).about.user == "postgres"
    finally:
        server.close()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda home, text: text.replace(f"{home}/known_hosts", "/dev/null"), "Host key verification failed"),
        (lambda home, text: text.replace(f"{home}/key", "/dev/null"), "Permission denied"),
        (
            lambda _, text: text.replace("unix_socket_directories: ", "unix_socket_directories: /nowhere"),
            "no PostgreSQL at",
        ),
    ],
    ids=["unknown host", "wrong key", "no server"],
)
def test_what_fails_is_said_in_one_line(
    sshd: tuple[Path, int], target: Target, spoil: object, says: str
) -> None:
    home, _ = sshd
    text = target.file.read_text()
    target.file.write_text(spoil(home, text))  # type: ignore[operator]
    server = connect(load_target(target.file))
    try:
        with pytest.raises(TargetError, match=says):
            server.open()
    finally:
        server.close()


def test_nothing_is_left_behind(target: Target) -> None:
    server = connect(target)
    folder = Path(server._folder)  # type: ignore[attr-defined]
    server.open().close()
    server.close()
    assert not folder.exists()


def test_a_closed_server_leaves_no_thread(target: Target) -> None:
    """One that went on waiting would take a connection of the next server for its own, and close it."""
    before = threading.active_count()
    server = connect(target)
    assert threading.active_count() == before + 1
    server.close()
    assert threading.active_count() == before
