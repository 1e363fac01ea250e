"""A host as a careful operator has it: sudo, an sshd without forwarding or passwords; and two hosts at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.host.machine import Machine, as_user, booted, deploy, deployed, run, said
from tests.host.texts import pg15

pytestmark = [pytest.mark.docker, pytest.mark.long]

SSHD = """\
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
AllowTcpForwarding no
AllowStreamLocalForwarding no
X11Forwarding no
MaxAuthTries 3
"""


@pytest.fixture(scope="module")
def machine(bookworm_deployed: str) -> Iterator[Machine]:
    with booted(bookworm_deployed) as found:
        found.spec(pg15())
        as_user(found, "carol")
        found.run("echo 'carol ALL=(ALL:ALL) NOPASSWD: ALL' > /etc/sudoers.d/carol")
        found.run("cat > /etc/ssh/sshd_config.d/hard.conf && systemctl restart ssh", stdin=SSHD)
        yield found


def test_deploy_by_sudo(machine: Machine) -> None:
    machine.run("rm /etc/postgresql/15/main/conf.d/pgdeploy.conf")
    deployed(machine)
    assert "pgdeploy" in machine.run("cat /etc/postgresql/15/main/conf.d/pgdeploy.conf")
    assert machine.run("ls /home/carol /tmp | grep -i pyinfra", check=False) == ""


def test_the_gate_by_sudo(machine: Machine) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--target=prod-pg01"]
    done = run([*command, "--ssh-config", str(machine.ssh_config)], machine)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_gate_without_sudo_says_so(machine: Machine) -> None:
    machine.run("mv /etc/sudoers.d/carol /root/")
    try:
        done = machine.pgdeploy("check", "prod-pg01")
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "sudo" in said(done)
    finally:
        machine.run("mv /root/carol /etc/sudoers.d/")


def test_two_hosts_one_unreachable(machine: Machine) -> None:
    """The other is done, and the exit code says that not all went well."""
    machine.run("rm /etc/tmpfiles.d/pgdeploy.conf")
    config = machine.ssh_config.read_text()
    machine.ssh_config.write_text("Host away\n  HostName 127.0.0.1\n  Port 9\n" + config)
    machine.spec(pg15().replace("host: pg01}", "host: away}"), "other-pg02")
    try:
        done = deploy(machine)
        assert done.returncode == 1
        assert "other-pg02" in said(done)
        assert machine.run("cat /etc/tmpfiles.d/pgdeploy.conf")
        limited = deploy(machine, "--limit", "prod-pg01")
        assert limited.returncode == 0, limited.stdout + limited.stderr
    finally:
        machine.ssh_config.write_text(config)
        (machine.specs / "other-pg02.yaml").unlink()


def test_two_hosts_one_refused(machine: Machine) -> None:
    """A host that cannot become what its spec says does not keep the other from its turn."""
    machine.run("rm /etc/tmpfiles.d/pgdeploy.conf")
    machine.spec(pg15() + "machine: {memory: 4TB}\n", "big-pg03")
    try:
        done = deploy(machine)
        assert done.returncode == 1
        assert "[big-pg03]  refused, nothing is changed: the host has" in said(done)
        assert machine.run("cat /etc/tmpfiles.d/pgdeploy.conf")
    finally:
        (machine.specs / "big-pg03.yaml").unlink()
