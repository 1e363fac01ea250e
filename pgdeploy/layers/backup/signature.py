"""Signatures of restore records: DSSE envelopes (Dead Simple Signing Envelope), signed with ed25519 keys of SSH."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.secret.reference import Secret

PAYLOAD_TYPE = "application/vnd.pgdeploy.restore+json"


def sign(payload: str, key: Secret, kind: str = PAYLOAD_TYPE) -> str:
    """The envelope of a record, as JSON.

    Raises:
        MissingExtra: securesystemslib is not installed.
        TargetError: the key is no private key of SSH. The message never holds any of it.
    """
    dsse, signer = _library()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    try:
        private = load_ssh_private_key(key.reveal().encode() + b"\n", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise TargetError(
            "backup.signing.key: read something that is no private key of ssh-ed25519 without a passphrase; make one "
            "with: ssh-keygen -t ed25519 -N '' -f FILE"
        )
    envelope = dsse.Envelope(payload.encode(), kind, {})
    envelope.sign(signer.CryptoSigner(private))
    return json.dumps(envelope.to_dict(), indent=1) + "\n"


def verified(text: str, trusted: Sequence[str], kind: str = PAYLOAD_TYPE) -> str:
    """The record in an envelope that one of these public keys signed.

    Raises:
        MissingExtra: securesystemslib is not installed.
        ValueError: it is no envelope, or none of the keys signed it; with the reason.
    """
    dsse, signer = _library()
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key
    from securesystemslib.exceptions import FormatError, VerificationError

    try:
        envelope = dsse.Envelope.from_dict(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, FormatError):
        raise ValueError("it is not signed") from None
    if envelope.payload_type != kind:
        raise ValueError(f"it is signed as {envelope.payload_type}, and not as {kind}")
    keys = [signer.SSlibKey.from_crypto(load_ssh_public_key(one.encode())) for one in trusted]
    try:
        envelope.verify(keys, 1)
    except VerificationError:
        raise ValueError("no trusted key signed it, or it was changed since") from None
    return str(envelope.payload.decode())


def payload(text: str) -> str:
    """The record in an envelope, whoever signed it; a record that is in none, as it is."""
    try:
        data = json.loads(text)
        return base64.b64decode(data["payload"]).decode() if "payload" in data else text
    except (ValueError, TypeError):
        return text


def _library() -> tuple[Any, Any]:
    try:
        from securesystemslib import dsse, signer
    except ImportError:
        raise MissingExtra("backup", "a signed record") from None
    return dsse, signer
