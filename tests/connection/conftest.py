"""A real sshd, and a server whose socket the OS user postgres may use."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.connection.bridge import OS_USER
from pgdeploy.connection.embedded import Cluster

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """An sshd of our own on a free port: keys only, no TCP forwarding."""
    if os.geteuid() != 0 or not Path(SSHD).exists():
        reason = "needs root and an sshd"
        if os.environ.get("PGDEPLOY_CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    home = tmp_path_factory.mktemp("sshd")
    home.chmod(0o700)
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / name], check=True)
    shutil.copy(home / "key.pub", home / "authorized_keys")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (home / "known_hosts").write_text(f"[127.0.0.1]:{port} {(home / 'host.pub').read_text()}")
    (home / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {home}/host\nAuthorizedKeysFile {home}/authorized_keys\n"
        f"PidFile {home}/pid\nAllowTcpForwarding no\nPasswordAuthentication no\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin prohibit-password\nMaxAuthTries 3\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    with (home / "log").open("wb") as log:
        daemon = subprocess.Popen([SSHD, "-D", "-e", "-f", home / "config"], stderr=log)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield home, port
    daemon.terminate()
    daemon.wait()


@pytest.fixture(scope="module")
def sockets(server16: Cluster) -> Path:
    """The server's socket folder. The OS user postgres may come in as the superuser, by peer, from now on."""
    ident = server16.data / "pg_ident.conf"
    new = ident.with_name("pg_ident.conf.new")
    new.write_text(f'{ident.read_text()}pgdeploy "{OS_USER}" "postgres"\n')
    shutil.copystat(ident, new)
    os.chown(new, ident.stat().st_uid, ident.stat().st_gid)
    new.replace(ident)
    with server16.open() as connection:
        connection.execute("SELECT pg_reload_conf()")
    folder = Path(server16.dsn.split()[0].removeprefix("host="))
    folder.chmod(0o755)
    return folder
