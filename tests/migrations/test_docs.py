"""What docs/migrations.md says to type, typed in a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.host.written import commands
from tests.migrations.project import LAST
from tests.migrations.shop import Shop

DOCUMENT = "docs/migrations.md"


def typed(command: str, place: Path) -> str:
    """What the terminal showed; it must end well."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        cwd=place,
        env={**os.environ, "PATH": path, "TERM": "dumb", "COLUMNS": "400"},
        input="y\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout


def connected(shop: Shop) -> None:
    """The spec says itself how the server is reached."""
    file = shop.place / "specs/shop.yaml"
    file.write_text(f"{file.read_text()}connect: {{dsn: '{shop.server.dsn}'}}\n")


def test_the_first_migration(shop: Shop) -> None:
    for file in sorted(shop.scripts.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    shop.scripts.rmdir()
    connected(shop)
    *_, last = [typed(command, shop.place) for command in commands(DOCUMENT, "The first migration")]
    assert "all revisions are there" in last
    assert (len(shop.versions), shop.red()) == (1, {})


def test_a_database_that_has_a_history(shop: Shop) -> None:
    shop.migrate()
    shop.sql("DROP TABLE alembic_version")
    connected(shop)
    shown = [
        typed(command.replace("3f2a", LAST), shop.place)
        for command in commands(DOCUMENT, "A database that has a history")
    ]
    assert f"{LAST}; nothing is pending" in shown[-1]
