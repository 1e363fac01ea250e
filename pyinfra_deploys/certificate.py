"""The certificate and key that a spec refers to: read here, and asked whether they belong together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.errors import SecretError

if TYPE_CHECKING:
    from pgdeploy.layers.host.layout import Layout
    from pgdeploy.model.host.tls import TlsSpec


def certificate_of(spec: TlsSpec) -> tuple[str, str]:
    """Certificate and private key, both PEM.

    Raises:
        OSError, SecretError: one cannot be read.
    """
    if spec.certificate is None or spec.key is None:
        raise SecretError("the spec names no certificate and key")
    text = Path(spec.certificate).read_text(encoding="utf-8")
    return text, spec.key.read().reveal().rstrip("\n") + "\n"


def certificate_faults(here: Layout) -> Iterator[str]:
    """What a server would only say at its next restart: that one is unreadable, or they are not of a pair."""
    spec = here.host.tls
    if spec is None or spec.self_signed:
        return
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    try:
        text, key = certificate_of(spec)
        shown = load_pem_x509_certificate(text.encode()).public_key()
    except OSError as error:
        yield f"{error.filename}: {error.strerror}; host: tls: certificate: names it"
        return
    except SecretError as error:
        yield f"{error} (host: tls: key)"
        return
    except ValueError:
        yield f"{spec.certificate} holds no certificate in PEM (host: tls: certificate)"
        return
    try:
        paired = load_pem_private_key(key.encode(), None).public_key() == shown
    except (ValueError, TypeError):
        # what it says of the key stays here
        yield "host: tls: key: gives no private key in PEM, or one with a passphrase"
        return
    if not paired:
        yield f"the private key of host: tls: key: is not that of the certificate {spec.certificate}"
