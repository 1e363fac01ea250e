"""Start a throw-away host, and wait until systemd and sshd are there."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.gate.container.cleanup import Cleanup
from pgdeploy.gate.container.docker import attempt, docker
from pgdeploy.gate.container.image import Note, image
from pgdeploy.gate.container.key import write_ssh_config
from pgdeploy.gate.container.stale import OWNER, owner, remove_stale
from pgdeploy.local.signals import finishing

BOOT_TIMEOUT = 90
"""Seconds until a host that has not booted is given up."""


@dataclass(frozen=True)
class ThrowAway:
    """A running host of ours. `close` removes it."""

    container: str
    """Its name."""
    ssh_config: Path
    """By it, ssh reaches the host under the names that it was started for."""
    address: str
    """On the engine's own network."""
    _cleanup: Cleanup

    def close(self) -> None:
        self._cleanup.close()


def start(
    os: str, names: Sequence[str], *, disks: Sequence[str] = (), note: Note = lambda _: None
) -> ThrowAway:
    """Start a host of `debian-12` or `debian-13`, known to its ssh_config by `names`; `disks` are mounts of its own.

    Raises:
        MissingExtra: testcontainers is not installed.
        TargetError: docker cannot, or the host does not boot; one line.
    """
    _require_testcontainers()
    tag = image(os, note)
    remove_stale()
    cleanup = Cleanup()
    try:
        name = _run(tag, disks, cleanup)
        _wait(name, "systemd", lambda: _is_up(name))
        port = int(docker("port", name, "22/tcp").rpartition(":")[2])
        _wait(name, "sshd", lambda: _greets(port))
        folder = Path(tempfile.mkdtemp(prefix="pgdeploy-host-"))
        cleanup.add(lambda: shutil.rmtree(folder, ignore_errors=True))
        config = write_ssh_config(name, port, names, folder)
        addresses = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
        address = docker("inspect", "-f", addresses, name).split()[0]
    except BaseException:
        cleanup.close()
        raise
    return ThrowAway(name, config, address, cleanup)


def _require_testcontainers() -> None:
    from importlib.util import find_spec

    if find_spec("testcontainers") is None:
        raise MissingExtra("container", "a throw-away host")


def _run(tag: str, disks: Sequence[str], cleanup: Cleanup) -> str:
    from docker.errors import DockerException
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    # its reaper is one more image to pull, and we clean up ourselves
    testcontainers_config.ryuk_disabled = True
    try:
        container = DockerContainer(tag, command="/sbin/init", **_options(disks))
        container.image = tag  # it is of this engine, whatever prefix is set for those of a registry
        container.with_volume_mapping("/sys/fs/cgroup", "/sys/fs/cgroup", "rw")
        for folder in ("/run", "/run/lock"):
            container.with_tmpfs_mount(folder)
        # docker-py's way to say: any port of this address
        container.ports["22/tcp"] = ("127.0.0.1",)  # type: ignore[assignment]
        cleanup.add(container.stop)
        # of one that is being made the library has no name yet, to stop it by
        with finishing():
            container.start()
        return str(container.get_wrapped_container().name)
    except (DockerException, OSError) as error:
        raise TargetError(f"the container does not start: {error}") from error


def _options(disks: Sequence[str]) -> dict[str, Any]:
    """What systemd needs to be at home in a container, and nftables to make rules."""
    return {
        "cap_add": ["SYS_ADMIN", "NET_ADMIN"],
        "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
        "cgroupns": "host",
        "shm_size": "256m",
        "stop_signal": "SIGRTMIN+3",
        "labels": {OWNER: owner()},
        # a volume without a name, which goes with its container
        "mounts": [{"Type": "volume", "Target": disk, "Source": ""} for disk in disks],
    }


def _wait(name: str, part: str, ready: Callable[[], bool]) -> None:
    end = time.monotonic() + BOOT_TIMEOUT
    while not ready():
        if time.monotonic() > end:
            said = attempt("logs", "--tail", "3", name)
            raise TargetError(f"container {name}: {part} is not there after {BOOT_TIMEOUT} s; {said.stdout}")
        time.sleep(0.1)


def _is_up(name: str) -> bool:
    state = attempt("exec", name, "systemctl", "is-system-running").stdout.strip()
    # a unit that a container cannot have does not matter
    return state in ("running", "degraded")


def _greets(port: int) -> bool:
    """Whether sshd answers, not only docker's proxy for it."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
