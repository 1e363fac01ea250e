"""A certificate authority of the cluster and a certificate of the server, as Proxmox makes them itself."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """PEM texts; `fingerprint` is SHA-256 of the server's certificate as AA:BB:.."""

    ca: bytes
    chain: bytes
    key: bytes
    fingerprint: str

    def write(self, folder: Path) -> tuple[Path, Path, Path]:
        """The files of the authority, of the server, of its key."""
        files = (folder / "pve-root-ca.pem", folder / "pve-ssl.pem", folder / "pve-ssl.key")
        for file, text in zip(files, (self.ca, self.chain, self.key), strict=True):
            file.write_bytes(text)
        return files


@cache
def certificate() -> Certificate:
    """Made once a process."""
    root_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    root_name, name = _name("Proxmox Virtual Environment"), _name("localhost")
    root = _sign(root_name, root_name, root_key, root_key, authority=True)
    server = _sign(name, root_name, key, root_key, authority=False)
    digest = server.fingerprint(hashes.SHA256()).hex(":").upper()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Certificate(root.public_bytes(Encoding.PEM), server.public_bytes(Encoding.PEM), pem, digest)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _sign(
    name: x509.Name,
    issuer: x509.Name,
    key: EllipticCurvePrivateKey,
    signer: EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + 30 * DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    builder = _for_authority(builder) if authority else _for_server(builder)
    return builder.sign(signer, hashes.SHA256())


def _for_authority(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return builder.add_extension(usage, critical=True)


def _for_server(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    addresses = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    names = [x509.DNSName("localhost"), *(x509.IPAddress(address) for address in addresses)]
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return builder.add_extension(x509.SubjectAlternativeName(names), critical=False).add_extension(
        server, critical=False
    )
