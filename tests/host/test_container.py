"""A throw-away host: Debian with systemd and sshd in a container, and nothing of it left behind."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgdeploy.errors import TargetError
from pgdeploy.gate.container.docker import attempt, docker
from pgdeploy.gate.container.image import image, tag_of
from pgdeploy.gate.container.stale import remove_stale
from pgdeploy.gate.container.start import ThrowAway, start
from pgdeploy.reach.container import ContainerServer
from pgdeploy.reach.host import Host
from pgdeploy.reach.ssh import SshServer, ssh_options

ECHO = "import json, os\nprint(json.dumps([question, os.geteuid(), os.environ.get('SSH_CONNECTION')]))"

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.xdist_group("container")]


@pytest.fixture(scope="module")
def host(engine: None) -> Iterator[ThrowAway]:
    made = start("debian-12", ["one-pg", "two-pg"])
    yield made
    made.close()


@pytest.fixture
def reach(host: ThrowAway) -> Iterator[Callable[..., SshServer]]:
    """The host by ssh, as this user."""
    opened: list[SshServer] = []

    def as_user(user: str) -> SshServer:
        options = ssh_options(user=user, config=str(host.ssh_config))
        opened.append(SshServer("two-pg", options, "/nowhere/.s.PGSQL.5432"))
        return opened[-1]

    yield as_user
    for server in opened:
        server.close()


def on(host: ThrowAway, script: str, stdin: str = "") -> str:
    return docker("exec", "-i", host.container, "sh", "-ec", script, stdin=stdin)


def exists(container: str) -> bool:
    return attempt("container", "inspect", container).returncode == 0


def test_the_image_is_made_once(host: ThrowAway) -> None:
    notes: list[str] = []
    assert image("debian-12", notes.append) == tag_of("debian-12")
    assert notes == []


def test_systemd_and_ssh_are_there(host: ThrowAway) -> None:
    for name in ("one-pg", "two-pg"):
        command = [
            "ssh",
            "-F",
            str(host.ssh_config),
            "-o",
            "BatchMode=yes",
            name,
            "systemctl",
            "is-active",
            "ssh",
        ]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "active\n"
    assert host.ssh_config.parent.stat().st_mode & 0o077 == 0
    assert host.address in on(host, "ip -4 address show")


def test_another_host_key_is_refused(host: ThrowAway, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    other = f"[127.0.0.1]:* {(tmp_path / 'key.pub').read_text()}"
    (tmp_path / "known_hosts").write_text(other)
    text = host.ssh_config.read_text().replace(
        str(host.ssh_config.with_name("known_hosts")), f"{tmp_path}/known_hosts"
    )
    (tmp_path / "config").write_text(text)
    server = SshServer("one-pg", ssh_options(config=str(tmp_path / "config")), "/nowhere")
    try:
        with pytest.raises(TargetError, match="Host key verification failed"):
            server.open()
    finally:
        server.close()


def test_the_host_is_asked_by_docker(host: ThrowAway) -> None:
    server = ContainerServer(host.container, "/nowhere/.s.PGSQL.5432")
    try:
        assert server.host is not None
        assert server.host.ask(ECHO, "Ünï'\"")[:2] == ["Ünï'\"", 0]
        assert server.host.testinfra.package("openssh-server").is_installed
        on(host, "id postgres 2>/dev/null || useradd --system postgres")
        with pytest.raises(TargetError, match="no PostgreSQL at /nowhere"):
            server.open()
    finally:
        server.close()


def test_a_container_that_is_not_there(engine: None) -> None:
    server = ContainerServer("pgdeploy-nowhere", "/nowhere")
    host = Host.in_container("pgdeploy-nowhere")
    try:
        for ask in (lambda: host.ask(ECHO, None), server.open):
            with pytest.raises(TargetError, match="No such container: pgdeploy-nowhere"):
                ask()
    finally:
        server.close()


def user(host: ThrowAway, name: str, sudo: str | None) -> str:
    key = host.ssh_config.with_name("key.pub").read_text()
    on(host, f"useradd -m -s /bin/bash {name}; umask 077; mkdir -p ~{name}/.ssh")
    on(host, f"cat >~{name}/.ssh/authorized_keys; chown -R {name}: ~{name}", key)
    if sudo is not None:
        on(host, f"cat >/etc/sudoers.d/{name}", f"{name} ALL=(ALL) {sudo}\n")
    return name


def test_a_user_with_sudo(host: ThrowAway, reach: Callable[..., SshServer]) -> None:
    server = reach(user(host, "anna", "NOPASSWD: ALL"))
    assert server.host is not None
    answer, uid, connection = server.host.ask(ECHO, {"a": "ü"})
    assert (answer, uid) == ({"a": "ü"}, 0)
    assert connection.split()[3] == "22"
    assert server.host.testinfra.user().name == "anna"
    with server.host.testinfra.sudo():
        assert server.host.testinfra.user().name == "root"


@pytest.mark.parametrize(("name", "sudo"), [("bert", None), ("carl", "ALL")])
def test_a_user_without_sudo_or_with_a_password(
    host: ThrowAway, reach: Callable[..., SshServer], name: str, sudo: str | None
) -> None:
    server = reach(user(host, name, sudo))
    assert server.host is not None
    with pytest.raises(TargetError, match=rf"two-pg \(ssh\): user {name} is not root and sudo refuses"):
        server.host.ask(ECHO, None)


def test_close_leaves_nothing(engine: None) -> None:
    made = start("debian-12", ["x"])
    assert exists(made.container)
    made.close()
    made.close()
    assert not exists(made.container)
    assert not made.ssh_config.parent.exists()


def test_disks_of_its_own(engine: None) -> None:
    made = start("debian-12", ["x"], disks=["/mnt/data"])
    try:
        assert on(made, "mountpoint /mnt/data") == "/mnt/data is a mountpoint"
        volumes = docker("inspect", "-f", "{{range .Mounts}}{{.Name}} {{end}}", made.container).split()
    finally:
        made.close()
    assert [name for name in volumes if attempt("volume", "inspect", name).returncode == 0] == []


PROGRAM = """
import time
from pgdeploy.gate.container.start import start
made = start("debian-12", ["x"])
print(made.container, made.ssh_config.parent, flush=True)
time.sleep(0 if {at_exit} else 600)
"""


@pytest.mark.parametrize("at_exit", [True, False], ids=["exit", "SIGTERM"])
def test_an_end_leaves_nothing(engine: None, at_exit: bool) -> None:
    program = [sys.executable, "-W", "error", "-c", PROGRAM.format(at_exit=at_exit)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        name, folder = run.stdout.readline().split()
        if not at_exit:
            run.send_signal(signal.SIGTERM)
        _, said = run.communicate()
    assert (run.returncode, said) == (0 if at_exit else 128 + signal.SIGTERM, "")
    assert not exists(name)
    assert not Path(folder).exists()


def test_what_a_killed_process_left_is_removed_by_the_next(engine: None) -> None:
    program = [sys.executable, "-c", PROGRAM.format(at_exit=False)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        name, folder = run.stdout.readline().split()
        remove_stale()
        assert exists(name)
        run.kill()
    remove_stale()
    assert not exists(name)
    shutil.rmtree(folder)


def test_without_an_engine(monkeypatch: pytest.MonkeyPatch, engine: None) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(TargetError, match=r"needs a Docker engine: .*nowhere"):
        image("debian-12")
