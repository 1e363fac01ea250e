"""The server's certificate: `host: tls:`."""

from __future__ import annotations

from ipaddress import ip_address
from re import compile as pattern
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.local.path import LocalPath
from pgdeploy.model.host.amount import Span
from pgdeploy.secret.reference import SecretRef
from pgdeploy.spec.model import Model
from pgdeploy.text.name_pattern import CERTIFICATE_NAME

_is_dns_name = pattern(CERTIFICATE_NAME[0]).fullmatch


def _certificate_name(text: str) -> str:
    """openssl would take a comma for the end of a name, and a line break for another extension."""
    try:
        if not _is_dns_name(text):
            ip_address(text.replace("%", " "))  # a zone may be any text
    except ValueError:
        raise PydanticCustomError("shape", "allowed: {allowed}", {"allowed": CERTIFICATE_NAME[1]}) from None
    return text


CertificateName = Annotated[str, AfterValidator(_certificate_name)]


class TlsSpec(Model):
    """The certificate comes from a file of yours, or is made on the host and signed by itself, for tests."""

    certificate: LocalPath | None = Field(
        None, min_length=1, description="PEM file with the chain; relative to the file that says it"
    )
    key: SecretRef | None = Field(
        None, description="the private key in PEM: {file: PATH}, {env: NAME} or {command: [...]}"
    )
    self_signed: bool = Field(False, description="make one on the host, for `names`; for tests")
    names: tuple[CertificateName, ...] = Field(
        (), description="names and addresses that the certificate must be for"
    )
    minimum: Literal["TLSv1.2", "TLSv1.3"] = Field("TLSv1.2", description="ssl_min_protocol_version")
    expires_after: Span = Field("30d", description="at least this long it must be valid still")

    @model_validator(mode="after")
    def _one_source(self) -> TlsSpec:
        given = self.certificate is not None and self.key is not None
        if given == self.self_signed or (self.certificate is None) != (self.key is None):
            raise PydanticCustomError("tls", "name `certificate:` and `key:`, or `self_signed: true`")
        if self.self_signed and not self.names:
            raise PydanticCustomError(
                "tls", "`self_signed: true` needs `names:`, which the certificate is for"
            )
        return self
