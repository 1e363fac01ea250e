"""The lock files: the versions that `make` and CI install, with the hash of every file of each.

    python -m scripts.lock              writes them anew from pyproject.toml; versions that still fit stay
    python -m scripts.lock --upgrade    the same, with the newest versions
    python -m scripts.lock --check      says in what they do not fit pyproject.toml; asks no index

locked.txt has the newest version of every distribution; lowest.txt the lowest version that
pyproject.toml allows of each that it names, and the newest that goes with them of all others.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from scripts.declared import DEV, ROOT, direct, lowest

FOLDER = ROOT / "requirements"

FILES = ("locked.txt", "lowest.txt")

AGAIN = "make lock"


@dataclass(frozen=True)
class Pin:
    """One distribution of a lock file."""

    requirement: Requirement
    hashes: int
    direct: bool
    """Whether the file says that pyproject.toml itself names it."""

    @property
    def version(self) -> str:
        """Exact, or empty where the line does not say `==`."""
        return next((one.version for one in self.requirement.specifier if one.operator == "=="), "")


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        found = list(faults(texts()))
        print(*found, sep="\n", end="\n" if found else "")
        return bool(found)
    # a pin of lowest.txt that still fits may have become too high
    anew = [f"--upgrade-package={name}" for name in direct()]
    write(FOLDER / "locked.txt", "highest", arguments)
    write(FOLDER / "lowest.txt", "lowest-direct", [*arguments, *anew])
    return 0


def write(path: Path, resolution: str, more: list[str]) -> None:
    """Let uv resolve for every platform and Python version. Nothing of this machine goes into the file."""
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "pyproject.toml", "--extra", DEV]
    command += ["--universal", "--generate-hashes", "--resolution", resolution, "--no-emit-index-url"]
    command += [
        "--quiet",
        "--custom-compile-command",
        AGAIN,
        "--output-file",
        str(path.relative_to(ROOT)),
        *more,
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def texts() -> dict[str, str]:
    """The lock files as they are."""
    return {file: (FOLDER / file).read_text(encoding="utf-8") for file in FILES}


def faults(written: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with these lock files, a line each."""
    for file, text in written.items():
        pins = read(text)
        named = {name for name, pin in pins.items() if pin.direct}
        for fault in (*_misfits(pins), *_unneeded(named), *_unsafe(pins, text)):
            yield f"requirements/{file}: {fault}; write it anew: {AGAIN}"
    for fault in _above_lowest(read(written["lowest.txt"])):
        yield f"requirements/lowest.txt: {fault}"


def read(text: str) -> dict[str, Pin]:
    """The pins of a lock file, by canonical name."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", text.replace("\\\n", " "))
    return {pin.requirement.name: pin for pin in map(_pin, entries) if pin is not None}


def _pin(entry: str) -> Pin | None:
    line, _, comment = entry.partition("\n")
    if not line or line.startswith("#"):
        return None
    wanted, *hashes = re.split(r"\s+--hash=sha256:", line)
    return Pin(Requirement(wanted), len(hashes), "pyproject.toml" in comment)


def _misfits(pins: Mapping[str, Pin]) -> Iterator[str]:
    for name, requirement in direct().items():
        pin = pins.get(name)
        if pin is None:
            yield f"{name} is missing, and pyproject.toml requires {requirement}"
        elif not requirement.specifier.contains(pin.version, prereleases=True):
            yield f"{name} is {pin.version}, and pyproject.toml requires {requirement}"


def _unneeded(named: set[str]) -> Iterator[str]:
    for name in sorted(named - direct().keys()):
        yield f"{name} stands for pyproject.toml, which does not require it"


def _unsafe(pins: Mapping[str, Pin], text: str) -> Iterator[str]:
    for name, pin in pins.items():
        if not pin.version or not pin.hashes or pin.requirement.url:
            yield f"{name} needs one exact version and the hashes of its files"
    for line in text.splitlines():
        if "://" in line or line.startswith("-"):
            yield f"names a place: {line.strip()}"


def _above_lowest(pins: Mapping[str, Pin]) -> Iterator[str]:
    for name, requirement in direct().items():
        bound, pin = lowest(requirement), pins.get(name)
        if bound is None:
            yield f"pyproject.toml names no lowest version of {name}: write {name}>=VERSION"
        elif pin is not None and Version(pin.version) != Version(bound):
            yield (
                f"{name} is {pin.version}, and pyproject.toml allows {bound}: {AGAIN}, or raise the bound there"
            )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
