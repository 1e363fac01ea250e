"""A real sshd of our own on a free port of a loopback address: keys only, no TCP forwarding."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"

CONFIG = """\
ListenAddress {address}:{port}
HostKey {home}/host
AuthorizedKeysFile {home}/key.pub
PidFile {home}/pid
AllowTcpForwarding no
PasswordAuthentication no
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
MaxAuthTries 3
"""


@contextmanager
def listening(home: Path, address: str) -> Iterator[int]:
    """Its port, until the end of the block. `home` has its key `host`, the key `key` that it lets in, and its `log`."""
    if os.geteuid() != 0 or not Path(SSHD).exists():
        reason = "needs root and an sshd"
        if os.environ.get("PGDEPLOY_CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    home.chmod(0o700)
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / name], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind((address, 0))
        port: int = free.getsockname()[1]
    (home / "config").write_text(CONFIG.format(address=address, port=port, home=home))
    with (home / "log").open("wb") as log:
        daemon = subprocess.Popen([SSHD, "-D", "-e", "-f", home / "config"], stderr=log)
    try:
        _await(address, port)
        yield port
    finally:
        daemon.terminate()
        daemon.wait()


def _await(address: str, port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail("the sshd does not listen")
