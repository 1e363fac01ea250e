"""TLS: the server's certificate and key, from references or made on the host for tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pyinfra.api import StringCommand, deploy, operation

from pgdeploy.layers.host.file import HostFile
from pgdeploy.model.host.amount import seconds_of
from pyinfra_deploys.certificate import certificate_of
from pyinfra_deploys.secretfile import placed
from pyinfra_deploys.this import ensure, layout

if TYPE_CHECKING:
    from pgdeploy.model.host.tls import TlsSpec


@deploy("TLS")
def tls() -> None:
    """Certificate and key beside the server's configuration; the key is for the server alone."""
    spec = layout().host.tls
    if spec is None:
        return
    if spec.self_signed:
        self_signed(name="A certificate that signs itself, for tests")
    else:
        placed(_files(spec), name="Certificate and key")


def _files(spec: TlsSpec) -> list[HostFile]:
    here = layout()
    certificate, key = certificate_of(spec)
    return [
        HostFile(here.certificate, certificate, "postgres", "postgres", "0644"),
        HostFile(here.key, key, "postgres", "postgres", "0600"),
    ]


@operation()
def self_signed() -> Iterator[StringCommand]:
    """Made on the host, so that its key never travels."""
    here = layout()
    spec = here.host.tls
    if spec is None:
        return
    question: dict[str, Any] = {
        "certificate": here.certificate,
        "key": here.key,
        "names": list(spec.names),
        "expires_after": seconds_of(spec.expires_after),
    }
    yield from ensure("self_signed", question)
