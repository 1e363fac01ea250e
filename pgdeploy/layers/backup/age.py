"""Encryption of backups with age: by public keys when one is made, with a private key only when one is restored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.local.scratch import scratch_folder

if TYPE_CHECKING:
    from pgdeploy.layers.backup.manifest import Manifest
    from pgdeploy.model.backup import DumpSpec

HEADER = b"age-encryption.org/v1\n"
"""Begins each encrypted file."""


def encrypt(files: Iterable[tuple[Path, Path]], recipients: Sequence[str]) -> None:
    """Encrypt each file into a new one.

    Raises:
        MissingExtra: pyrage is not installed.
        TargetError: a recipient is no public key.
    """
    pyrage = _pyrage()
    keys = []
    for recipient in recipients:
        kind = pyrage.ssh if recipient.startswith("ssh-") else pyrage.x25519
        try:
            keys.append(kind.Recipient.from_str(recipient))
        except pyrage.RecipientError as error:
            raise TargetError(
                f"backup.encryption.recipients: {recipient} is no public key: {error}"
            ) from None
    for source, target in files:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        pyrage.encrypt_file(str(source), str(target), keys)


@contextmanager
def decrypted(backup: Manifest, folder: Path, section: DumpSpec) -> Iterator[Path]:
    """The folder of a backup with its files as they were dumped: decrypted ones are gone at the end of the block.

    Raises:
        MissingExtra: pyrage is not installed.
        SecretError: the private key cannot be read.
        TargetError: the backup is encrypted, and no private key is declared, or it is not the right one.
    """
    if not backup.recipients:
        yield folder
        return
    if section.encryption is None or section.encryption.identity is None:
        raise TargetError(
            f"backup {backup.label} is encrypted; write where its private key is into "
            "backup: encryption: identity: and run it where that can be read"
        )
    pyrage = _pyrage()
    identity = _identity(pyrage, section.encryption.identity.read().reveal())
    with scratch_folder("decrypted") as plain:
        for name in backup.files:
            target = plain / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                pyrage.decrypt_file(str(folder / name), str(target), [identity])
            except pyrage.DecryptError as error:
                raise TargetError(f"{backup.label}/{name} cannot be decrypted: {error}") from None
        yield plain


def _identity(pyrage: Any, text: str) -> Any:
    """Of a file that age-keygen wrote, or an SSH key. No message holds any of it."""
    try:
        if "PRIVATE KEY" in text:
            return pyrage.ssh.Identity.from_buffer(text.encode() + b"\n")
        lines = re.findall(r"^AGE-SECRET-KEY-1\S+$", text, re.MULTILINE)
        if len(lines) == 1:
            return pyrage.x25519.Identity.from_str(lines[0])
    except pyrage.IdentityError:
        pass
    raise TargetError(
        "backup.encryption.identity: read something that is no private key; allowed: one line AGE-SECRET-KEY-1..., as "
        "age-keygen writes it, or an SSH key without a passphrase"
    )


def _pyrage() -> Any:
    try:
        import pyrage
    except ImportError:
        raise MissingExtra("backup", "an encrypted backup") from None
    return pyrage
