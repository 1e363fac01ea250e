"""What a test does to a server by hand, and what a plan makes of it."""

from __future__ import annotations

from pathlib import Path

from pgdeploy.connection.embedded import Cluster
from pgdeploy.connection.server import Server
from pgdeploy.connection.side import closing
from pgdeploy.plan import Plan, plan
from pgdeploy.target import Target, load_target


def run(server: Cluster, *texts: str, database: str | None = None) -> None:
    """SQL in a session as any client has it, statement by statement."""
    with closing(server.open(database, configured=False)) as connection:
        for text in texts:
            connection.execute(text.encode())


def load(server: Cluster, file: Path, text: str) -> Target:
    """A spec whose `$major` is the server's version."""
    with closing(server.open()) as connection:
        major = connection.info.server_version // 10000
    file.write_text(text.replace("$major", str(major)))
    return load_target(file)


def planned(target: Target, server: Server) -> Plan:
    return plan(target.spec, target.resources, target.read(server))
