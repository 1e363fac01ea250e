"""Values that are judged or rewritten before they are kept: ssh keys, passwords, tags."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection

from tests.simulators.proxmox.formats import split_list
from tests.simulators.proxmox.refusal import Refusal

_KEY_TYPES: Collection[str] = (
    *("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    *("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"),
)


def validate_keys(text: str) -> None:
    """As ssh-keygen -l would judge each line."""
    for line in text.split("\n"):
        if line.strip() and not _is_key(line.split()):
            raise Refusal("SSH public key validation error")


def _is_key(words: list[str]) -> bool:
    kind = next((word for word in words if word in _KEY_TYPES), None)
    if kind is None or words.index(kind) + 1 >= len(words):
        return False
    try:
        blob = base64.b64decode(words[words.index(kind) + 1], validate=True)
    except binascii.Error:
        return False
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length] == kind.encode() and len(blob) > 4 + length + 8


def hashed(password: str) -> str:
    """What looks like crypt's SHA-256, as Proxmox keeps it."""
    digest = hashlib.sha256(password.encode()).digest()
    return f"$5$simulator${base64.b64encode(digest).decode().rstrip('=').replace('+', '.')}"


def unique_tags(value: str) -> str:
    return ";".join(sorted({tag.lower() for tag in split_list(value)}))
