"""What docs/release.md and docs/runbooks.md say to type, typed in a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pgdeploy.reach.program import found_program
from tests.host.written import commands
from tests.releases.place import Place

Shop = Callable[[str], Place]
MEASURED = "thresholds: {connections: {used: 90%}}\nsmoke: {checks: ['role[*', 'grant[*', 'migration[*']}\n"


def typed(place: Place, command: str) -> tuple[int, str]:
    """The exit code, and all that the terminal showed."""
    folders = [Path(sys.executable).parent, found_program("vacuumdb", place.major).parent]
    words = dict(part.split("=") for part in place.server.dsn.split() if "=" in part)
    there = {
        "PGHOST": words["host"],
        "PGUSER": words.get("user", "postgres"),
        "PGPASSWORD": words.get("password", ""),
    }
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        cwd=place.folder,
        env={
            **place.environment,
            **there,
            "PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]),
            "TERM": "dumb",
            "COLUMNS": "400",
        },
        input="y\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout


def all_typed(place: Place, document: str, heading: str, **ends: int) -> str:
    """What the last command showed; each ends with 0, or as `ends` says of its second word."""
    shown = ""
    for command in commands(document, heading):
        code, shown = typed(place, command)
        word = command.split()[-1].lstrip("-").replace("-", "_")
        assert code == ends.get(word, 0), f"{command}: {shown}"
    return shown


def test_the_tutorial(shop: Shop) -> None:
    place = shop("")
    document = "docs/release.md"
    for file in (place.folder / "migrations").glob("000[23]*"):
        file.unlink()
    first, *rest = commands(document, "A first release")
    code, shown = typed(place, first)
    assert code == 0, shown
    (up,), (down,) = ((place.folder / "migrations").glob(f"*_note.{way}.sql") for way in ("up", "down"))
    up.write_text("ALTER TABLE orders ADD COLUMN note text;\n")
    down.write_text("ALTER TABLE orders DROP COLUMN note;\n")
    for command in rest:
        code, shown = typed(place, command)
        assert code == (2 if "dry-run" in command else 0), f"{command}: {shown}"
    assert shown.count("done") == 2

    place.write({"0009_bad.up": "SELECT 1 / 0;\n", "0009_bad.down": "SELECT 1;\n"})
    codes = [typed(place, command) for command in commands(document, "A release that fails")]
    assert "rolled back" in codes[0][1]
    assert [code for code, _ in codes] == [2, 2, 2]
    assert "migration[" in codes[2][1], "what is pending, and nothing else"

    place.write(
        {
            "0009_bad.up": "CREATE TABLE customers (id bigint PRIMARY KEY);\n",
            "0009_bad.down": "DROP TABLE customers;\n",
        }
    )
    assert "done" in all_typed(place, document, "A rehearsal")


def test_the_runbooks(shop: Shop) -> None:
    place = shop("")
    document = "docs/runbooks.md"
    (place.folder / "migrations/held").mkdir()
    later = list((place.folder / "migrations").glob("000[23]*"))
    for file in later:
        file.rename(file.parent / "held" / file.name)
    place.spec(MEASURED)
    typed(place, "pgdeploy backup shop now")
    all_typed(place, document, "Each morning")
    all_typed(place, document, "Each week")
    for file in later:
        (file.parent / "held" / file.name).rename(file)
    (place.folder / "migrations/held").rmdir()
    place.spec(MEASURED.replace("'migration[*'", "'database[*'"))
    all_typed(place, document, "Before a release", dry_run=2)
    all_typed(place, document, "The release")
    assert "done" in all_typed(place, document, "After a release")
    assert "taken back, and healthy" in all_typed(place, document, "Something is wrong")
    assert place.versions == ["0001", "0002"]
    shown = all_typed(place, document, "The data is wrong, or the server is lost")
    assert "taken back, and healthy" in shown
    assert place.versions == ["0001"]
