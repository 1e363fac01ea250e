"""Restoring a dump into a server that holds nothing yet."""

from __future__ import annotations

import re
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.layers.backup.dump import DATABASES, ROLES
from pgdeploy.reach.program import environment, found_program, way_of
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    from pgdeploy.layers.backup.manifest import Manifest
    from pgdeploy.reach.server import Server

_APPLICATION = "pgdeploy restore"
_THERE_ALREADY = ("postgres", "template1")
"""Databases of every new server."""
_HARMLESS = re.compile(r"ERROR: +role \".*\" already exists")


def restore(manifest: Manifest, folder: Path, server: Server, jobs: int) -> None:
    """Make the roles and databases of a backup, with all that is in them.

    Tablespaces are not made: what was in one is in the default one.

    Raises:
        TargetError: a program is missing, or says of anything that it could not be restored.
    """
    psql, pg_restore = found_program("psql", manifest.major), found_program("pg_restore", manifest.major)
    with closing(server.open(application_name=_APPLICATION)) as connection:
        user, password = connection.info.user, connection.info.password or None
        way = way_of(connection, user, connection.info.dbname)
        of_child = environment(password, {"PGAPPNAME": _APPLICATION})
        _roles([str(psql), "--no-psqlrc", "--quiet", f"--file={folder / ROLES}", f"--dbname={way}"], of_child)
        for number, name in enumerate(manifest.databases):
            makes = () if name in _THERE_ALREADY else ("--create",)
            where = way_of(connection, user, name) if name in _THERE_ALREADY else way
            place = folder / DATABASES / str(number)
            command = [str(pg_restore), *makes, "--exit-on-error", "--no-tablespaces", f"--jobs={jobs}"]
            _run([*command, f"--dbname={where}", str(place)], of_child, name)


def _roles(command: list[str], of_child: dict[str, str]) -> None:
    """That a role is there already is no error: a new server has the one that made it."""
    said = _said(command, of_child).stderr
    wrong = [line for line in said.splitlines() if "ERROR:" in line and not _HARMLESS.search(line)]
    if wrong:
        raise TargetError(
            f"the roles cannot be restored: {one_line(wrong[0].partition('ERROR:')[2].strip())}"
        )


def _run(command: list[str], of_child: dict[str, str], name: str) -> None:
    done = _said(command, of_child)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error:" in line] or done.stderr.splitlines()
        why = lines[0].partition("error:")[2].strip() or lines[0] if lines else str(done.returncode)
        raise TargetError(f"database {name} cannot be restored: {one_line(why)}")


def _said(command: list[str], of_child: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=of_child,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        check=False,
    )
