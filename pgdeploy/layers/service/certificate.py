"""The certificate that a server in a container shows: a TLS handshake through the container, by libssl's memory."""

from __future__ import annotations

import ssl
import subprocess
from datetime import UTC
from hashlib import sha256
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

from pgdeploy.errors import MissingExtra, TargetError, Unreadable
from pgdeploy.layers.service.fact import Certificate
from pgdeploy.local.path import read_named
from pgdeploy.model.service import PostgresService
from pgdeploy.reach.docker import BRIDGE
from pgdeploy.reach.libpq import environment_of_children
from pgdeploy.reach.server_message import last_word

if TYPE_CHECKING:
    from pgdeploy.layers.service.container import Container
    from pgdeploy.reach.docker import Engine

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""What a client of PostgreSQL says before a handshake."""
_TRIES = 50
_PATIENCE = 10.0
"""Seconds for one handshake."""


class NoAnswer(Unreadable):
    """The server takes connections, and says nothing to a client that speaks TLS."""


def read_certificate(engine: Engine, one: Container, container: str) -> Certificate:
    """What it shows.

    Raises:
        NoAnswer: within its time.
        Unreadable: the container cannot be asked; a certificate that the spec names is none.
        TargetError: a file of the spec cannot be read.
    """
    assert one.spec.tls is not None  # noqa: S101 - nobody asks of one without
    filed, until = first_of(read_named(Path(one.spec.tls.certificate)))
    command = engine.command("exec", "-i", container, *BRIDGE, "127.0.0.1", str(one.port))
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment_of_children(),
        bufsize=0,
    ) as bridge:
        patience = Timer(_PATIENCE, bridge.kill)
        patience.start()
        try:
            shown = _handshake(bridge, postgres=isinstance(one.spec, PostgresService))
        except (OSError, ssl.SSLError, EOFError) as error:
            if not patience.is_alive():
                raise NoAnswer(f"its server does not answer in {_PATIENCE:.0f} s") from None
            bridge.kill()
            said = last_word((bridge.stderr.read() if bridge.stderr else b"").decode(errors="replace"), 1)
            if "executable file not found" in said:
                raise Unreadable("the image has no perl, by which a handshake is tried") from None
            return Certificate(f"no TLS: {said or type(error).__name__}", filed, until)
        finally:
            patience.cancel()
            bridge.kill()
    return Certificate(shown, filed, until)


def _handshake(bridge: subprocess.Popen[bytes], *, postgres: bool) -> str:
    """The fingerprint of what is shown. It is compared, so nobody needs to trust it."""
    sent, got = bridge.stdin, bridge.stdout
    assert sent is not None and got is not None  # noqa: S101, PT018 - they are pipes
    if postgres:
        sent.write(_SSL_REQUEST)
        if got.read(1) != b"S":
            raise EOFError
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(inward, outward)
    for _ in range(_TRIES):
        try:
            session.do_handshake()
            break
        except ssl.SSLWantReadError:
            if data := outward.read():
                sent.write(data)
            if not (data := got.read(65536)):
                raise EOFError from None
            inward.write(data)
    shown = session.getpeercert(binary_form=True)
    if shown is None:
        raise EOFError
    return sha256(shown).hexdigest()


def first_of(text: str) -> tuple[str, float]:
    """The fingerprint of the first certificate of a text in PEM, and when it ends.

    Raises:
        MissingExtra: cryptography is not installed.
        TargetError: there is none.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
    except ImportError:
        raise MissingExtra("service", "reading a certificate") from None
    try:
        found = x509.load_pem_x509_certificate(text.encode())
    except ValueError:
        raise TargetError("the file of `tls: {certificate}` has no certificate in PEM") from None
    return found.fingerprint(hashes.SHA256()).hex(), found.not_valid_after_utc.replace(tzinfo=UTC).timestamp()
