"""A machine for the tests: a container with systemd, sshd and apt, reached as a real one is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pgdeploy.gate.container.docker import docker
from tests.program import pgdeploy

ROOT = Path(__file__).parent.parent.parent

RUN = (
    *("--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--cap-add", "SYS_TIME"),
    *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
    *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--cgroupns=host", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw"),
    *("--shm-size=256m", "--stop-signal", "SIGRTMIN+3"),
)
"""What systemd needs in a container; NET_ADMIN is for nftables, SYS_TIME lets chrony start."""

SECRETS = {
    "PG01_POSTGRES_PASSWORD": "canary-Postgres-7f3a",
    "PG01_EXPORTER_PASSWORD": "canary-Exporter-91bc",
    "PG01_APP_PASSWORD": "canary-App-5d2e",
    "PG01_BACKUP_PASSPHRASE": "canary-Backup-33aa",
}


@dataclass(frozen=True)
class Machine:
    """One host. `folder` has the way in: a key, the host key, an ssh_config; and `specs/`."""

    container: str
    address: str
    folder: Path

    @property
    def ssh_config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def specs(self) -> Path:
        return self.folder / "specs"

    def run(self, script: str, *, check: bool = True, stdin: str = "") -> str:
        """What a shell on it prints."""
        done = subprocess.run(
            ["docker", "exec", "-i", self.container, "sh", "-c", script],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{script!r} failed on {self.container}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def sql(self, text: str, database: str = "postgres") -> str:
        """What psql prints, as the superuser."""
        return self.run(
            f"runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d {database} -f -", stdin=text
        )

    def pgdeploy(self, *words: str) -> subprocess.CompletedProcess[str]:
        return pgdeploy(*words, "--ssh-config", self.ssh_config, cwd=ROOT, env=environment(self))

    def spec(self, text: str, name: str = "prod-pg01") -> Path:
        """Write a spec for this machine."""
        file = self.specs / f"{name}.yaml"
        file.write_text(text, encoding="utf-8")
        return file


def environment(machine: Machine) -> dict[str, str]:
    return {
        **os.environ,
        **SECRETS,
        "PGDEPLOY_SPECS": str(machine.specs),
        "PGDEPLOY_SSH_CONFIG": str(machine.ssh_config),
    }


def said(done: subprocess.CompletedProcess[str]) -> str:
    """All that a command printed, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


def run(words: Sequence[str], machine: Machine, **more: str) -> subprocess.CompletedProcess[str]:
    """A command of the user's machine; `more` goes into its environment."""
    return subprocess.run(
        list(words),
        env={**environment(machine), **more},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )


def pyinfra(*options: str) -> list[str]:
    """The command of the README."""
    return [sys.executable, "-m", "pyinfra", "inventory.py", "pyinfra_deploys/pg01.py", *options]


def deploy(machine: Machine, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    return run(pyinfra("-y", *options), machine, **more)


def deployed(machine: Machine, *options: str) -> str:
    """Deploy, which must succeed; gives what was said."""
    done = deploy(machine, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def booted(image: str, name: str = "pg01", options: Sequence[str] = ()) -> Iterator[Machine]:
    """A machine of this image, until the end."""
    folder = Path(tempfile.mkdtemp(prefix="pgdeploy-machine-"))
    container = docker("run", "-d", "--hostname", name, *RUN, *options, image, "/sbin/init")
    try:
        address = docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", container)
        machine = Machine(container[:12], address, folder)
        machine.specs.mkdir()
        _wait(machine)
        _let_in(machine)
        yield machine
    finally:
        docker("rm", "-f", "-v", container)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(machine: Machine) -> None:
    end = time.monotonic() + 60
    while machine.run("systemctl is-system-running", check=False) not in ("running", "degraded"):
        assert time.monotonic() < end, "the machine did not boot within a minute"
        time.sleep(0.2)


def _let_in(machine: Machine, user: str = "root") -> None:
    """A key for the user, and the host key as the machine itself has it: nothing is learnt from the network."""
    key = machine.folder / "key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    home = "/root" if user == "root" else f"/home/{user}"
    machine.run(
        f"install -d -m 700 -o {user} -g {user} {home}/.ssh && umask 077 && cat > {home}/.ssh/authorized_keys"
        f" && chown {user}:{user} {home}/.ssh/authorized_keys",
        stdin=key.with_suffix(".pub").read_text(),
    )
    host_key = machine.run("cat /etc/ssh/ssh_host_ed25519_key.pub")
    (machine.folder / "known_hosts").write_text(f"{machine.address} {host_key}\n")
    machine.ssh_config.write_text(
        f"Host *\n  HostName {machine.address}\n  User {user}\n  IdentityFile {key}\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {machine.folder}/known_hosts\n  GlobalKnownHostsFile /dev/null\n"
        "  StrictHostKeyChecking yes\n"
    )


def as_user(machine: Machine, user: str) -> None:
    """Come in as this user from now on; made if missing, with no rights but what the test gives."""
    machine.run(f"id {user} >/dev/null 2>&1 || useradd -m -s /bin/bash {user}")
    _let_in(machine, user)
