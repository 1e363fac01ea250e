"""The template that machines are cloned from: Debian with cloud-init and the guest agent, sealed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pgdeploy.gate.container.docker import attempt, docker
from pgdeploy.gate.container.image import image

FOLDER = Path(__file__).parent / "template"


@dataclass(frozen=True)
class Template:
    """What the template is made of."""

    os: str = "debian-12"
    """`debian-12` or `debian-13`."""
    agent: bool = True
    """Whether the guest agent starts; without it, no question to the machine has an answer."""
    stale_host_keys: bool = False
    """Somebody forgot to remove the host keys: all clones have these until cloud-init makes their own."""

    def image(self) -> str:
        """The tag of its image, built if it is not there: kept under the digest of all that it is made of.

        Raises:
            TargetError: there is no Docker engine, or the image cannot be built; why.
        """
        arguments = {
            "BASE": image(self.os),
            "AGENT": "yes" if self.agent else "no",
            "HOST_KEYS": "stale" if self.stale_host_keys else "none",
        }
        tag = f"pgdeploy-guest:{self.os}-{_digest(arguments)}"
        if attempt("image", "inspect", tag).returncode != 0:
            words = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
            docker("build", "-q", "-t", tag, *words, os.fspath(FOLDER))
        return tag


def _digest(arguments: dict[str, str]) -> str:
    digest = sha256(repr(sorted(arguments.items())).encode())
    for file in sorted(path for path in FOLDER.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(FOLDER)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:12]
