"""pgbackrest.conf, as the spec makes it: pyinfra writes it, the gate reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.host.file import HEADER, HostFile
from pgdeploy.layers.host.layout import Layout
from pgdeploy.secret.masked import MASK
from pgdeploy.text import pgbackrest_conf

if TYPE_CHECKING:
    from pgdeploy.model.pgbackrest import PgbackrestSpec, PlaceSpec, S3Spec
    from pgdeploy.model.spec import Spec
    from pgdeploy.secret.reference import SecretRef

FILE = "/etc/pgbackrest/pgbackrest.conf"
"""pgBackRest looks here first; /etc/pgbackrest.conf of Debian's package is left alone, and not read."""
SPOOL = "/var/spool/pgbackrest"
SECRET_OPTIONS = ("-pass", "-passphrase", "-key", "-secret", "-token")
"""Ends of the names of options whose value is a secret, also of those that are not ours."""


def config_file(spec: Spec, section: PgbackrestSpec, *, reveal: bool = False) -> HostFile:
    """All of it. Without `reveal` no secret is read, and masks stand for them.

    Raises:
        SecretError: a reference gives no secret.
        ValueProblem: a secret cannot stand in the file.
    """
    layout, options = Layout(spec), dict[str, str]()
    for number, place in enumerate(section.repositories, 1):
        options |= {f"repo{number}-{name}": value for name, value in _place(place, reveal=reveal)}
    options |= {
        "process-max": str(section.jobs),
        "compress-type": "zst",
        "start-fast": "y",
        "archive-async": "y",
        "spool-path": SPOOL,
    }
    cluster = {
        "pg1-path": layout.data_directory,
        "pg1-port": str(layout.port),
        "pg1-socket-path": layout.socket_folder,
    }
    text = (
        pgbackrest_conf.section("global", options) + "\n" + pgbackrest_conf.section(section.stanza, cluster)
    )
    return HostFile(FILE, HEADER + text, "root", "postgres", "0640")


def _place(place: PlaceSpec, *, reveal: bool) -> Iterator[tuple[str, str]]:
    yield "path", place.folder
    if place.s3 is not None:
        yield "type", "s3"
        yield from _s3(place.s3, reveal=reveal)
    kept = place.retention
    yield "retention-full-type", "count" if kept.days is None else "time"
    yield "retention-full", str(kept.count or kept.days)
    if place.passphrase is not None:
        yield "cipher-type", "aes-256-cbc"
        yield "cipher-pass", _secret(place.passphrase, reveal=reveal)


def _s3(store: S3Spec, *, reveal: bool) -> Iterator[tuple[str, str]]:
    endpoint, _, port = store.endpoint.partition(":")
    yield from (("s3-bucket", store.bucket), ("s3-endpoint", endpoint), ("s3-region", store.region))
    yield "s3-uri-style", store.style
    # a store takes few large files sooner than many small ones
    yield "bundle", "y"
    if port:
        yield "storage-port", port
    if store.ca is not None:
        yield "storage-ca-file", store.ca
    yield "s3-key", _secret(store.key, reveal=reveal)
    yield "s3-key-secret", _secret(store.secret, reveal=reveal)


def _secret(reference: SecretRef, *, reveal: bool) -> str:
    return reference.read().reveal() if reveal else MASK
