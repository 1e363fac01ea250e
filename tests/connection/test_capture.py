"""`pgdeploy capture --ssh` over a real sshd."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pgdeploy.cli import app
from pgdeploy.gate import connect
from pgdeploy.reach.embedded import Cluster


def test_a_server_is_captured_over_ssh_and_its_spec_reaches_it(
    sshd: tuple[Path, int],
    server16: Cluster,
    sockets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home, port = sshd
    config = tmp_path / "ssh_config"
    config.write_text(
        f"Host pg01\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  IdentityFile {home}/key\n"
        f"  HostKeyAlias [127.0.0.1]:{port}\n  UserKnownHostsFile {home}/known_hosts\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(connect, "USUAL_SOCKET", f"{sockets}/.s.PGSQL.5432")
    with server16.open() as connection:
        connection.execute("CREATE ROLE over_ssh LOGIN CONNECTION LIMIT 3")
    try:
        words = ["capture", "pg01", "--ssh", "pg01", "--ssh-config", str(config)]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        text = (tmp_path / "specs/pg01.yaml").read_text()
        assert "\nconnect:\n  ssh: {host: pg01}\n" in text
        assert "\n  over_ssh: {login: true, connection_limit: 3}\n" in text
        with server16.open() as connection:
            connection.execute("ALTER ROLE over_ssh CONNECTION LIMIT 4")
        again = CliRunner().invoke(app, ["capture", "pg01", "--update", "--yes", "--ssh-config", str(config)])
        assert again.exit_code == 0, again.output
        assert "+  over_ssh: {login: true, connection_limit: 4}" in again.output
    finally:
        with server16.open() as connection:
            connection.execute("DROP ROLE over_ssh")
