"""A real sshd, and a server whose socket the OS user postgres may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.reach.bridge import OS_USER
from pgdeploy.reach.embedded import Cluster
from tests.sshd import listening


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """Its folder, with the file `known_hosts` too, and its port."""
    home = tmp_path_factory.mktemp("sshd")
    with listening(home, "127.0.0.1") as port:
        (home / "known_hosts").write_text(f"[127.0.0.1]:{port} {(home / 'host.pub').read_text()}")
        yield home, port


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
