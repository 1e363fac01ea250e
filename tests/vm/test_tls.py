"""The certificate is proved before anything is sent: whoever cannot prove itself never sees the token."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators.proxmox import certificate as certificates
from tests.vm.hasty import hasty
from tests.vm.listener import Listener, Serve, answer, listener, plain, proxy, tls
from tests.vm.site import Site
from tests.vm.whole import error_of

OTHER = ":".join(["5A"] * 32)


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with hasty():
        yield


def _prove(site: Site, proof: str) -> None:
    """By this, instead of the right CA."""
    site.change(f", ca: {site.proxmox.ca}", proof)


def _works(site: Site) -> None:
    assert len(site.plan().steps) == 4
    assert {seen.user for seen in site.proxmox.requests} == {"pgdeploy@pve!deploy"}


def _refused(site: Site) -> str:
    """What is said; nothing has come, no request at all."""
    text = error_of(site.plan)
    assert site.proxmox.requests == []
    return text


# -- the simulated cluster's own certificate -----------------------------------------------------------


def test_the_ca(site: Site) -> None:
    _works(site)


def test_the_fingerprint(site: Site) -> None:
    _prove(site, f", fingerprint: '{site.proxmox.fingerprint}'")
    _works(site)


def test_the_fingerprint_in_small_letters(site: Site) -> None:
    _prove(site, f", fingerprint: '{site.proxmox.fingerprint.lower()}'")
    _works(site)


def test_another_fingerprint(site: Site) -> None:
    _prove(site, f", fingerprint: '{OTHER}'")
    text = _refused(site)
    assert "its certificate is not the one of `fingerprint:`; nothing was sent" in text
    assert "Compare it on the node itself" in text


def test_another_ca(site: Site) -> None:
    ca = _made(site.folder)[0]
    _prove(site, f", ca: {ca}")
    text = _refused(site)
    assert f"its certificate is not proved by `ca: {ca}`" in text
    assert "nothing was sent" in text


def test_no_proof_is_the_systems(site: Site) -> None:
    _prove(site, "")
    text = _refused(site)
    assert "its certificate is not proved by a CA of this system (" in text
    assert "Write `fingerprint:` as the node's Certificates page shows it, or `ca:`" in text


@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_a_ca_that_is_none(content: str | None, site: Site) -> None:
    """Said of the file, and not of the server."""
    ca = site.folder / "ca.pem"
    if content is not None:
        ca.write_text(content)
    _prove(site, f", ca: {ca}")
    assert f"`ca: {ca}`" in _refused(site)


def test_a_name_that_the_certificate_does_not_have(site: Site) -> None:
    """The CA alone is not enough: each node of the cluster has a certificate of it."""
    site.change("host: 127.0.0.1", "host: 127.0.0.2")
    with listener(tls(*_real(site)), "127.0.0.2") as server:
        site.change(f"port: {site.proxmox.port}", f"port: {server.port}")
        text = error_of(site.plan)
    assert "IP address mismatch, certificate is not valid for '127.0.0.2'" in text
    assert "nothing was sent" in text
    assert server.connections
    assert not server.heard


def _real(site: Site) -> tuple[Path, Path]:
    """The certificate and the key of the simulated cluster."""
    return site.proxmox.ca.with_name("pve-ssl.pem"), site.proxmox.ca.with_name("pve-ssl.key")


# -- whoever else answers ------------------------------------------------------------------------------


def _made(folder: Path, days: int = 0) -> tuple[Path, Path, Path]:
    """Files of another CA, of a certificate by it, of its key; so many days older than usual."""
    certificates.certificate.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificates, "dt", _Shifted(days))
        made = certificates.certificate()
    certificates.certificate.cache_clear()
    place = folder / "other"
    place.mkdir()
    return made.write(place)


class _Shifted:
    """The module datetime, in the past."""

    UTC = dt.UTC
    timedelta = dt.timedelta

    def __init__(self, days: int) -> None:
        self.datetime = self
        self._days = days

    def now(self, zone: dt.tzinfo) -> dt.datetime:
        return dt.datetime.now(zone) - dt.timedelta(days=self._days)


def _ask(site: Site, serve: Serve) -> tuple[str, Listener]:
    with listener(serve) as server:
        site.change(f"port: {site.proxmox.port}", f"port: {server.port}")
        text = error_of(site.plan)
    assert server.connections >= 1
    return text, server


def test_the_listener_would_hear_it(site: Site) -> None:
    """The ruler of what follows: where the certificate is right, the token comes."""
    with listener(tls(*_real(site))) as server:
        site.change(f"port: {site.proxmox.port}", f"port: {server.port}")
        error_of(site.plan)
    assert b"Authorization: PVEAPIToken=pgdeploy@pve!deploy=" in server.heard


@pytest.mark.parametrize(
    "said",
    [
        answer(b"<html>Welcome</html>", "text/html"),
        answer(b"[]"),
        answer(b'{"result": []}'),
        answer(b'{"data": null}'),
        answer(b'{"data": "yes"}'),
        answer(b"", status="204 No Content"),
        answer(b"", status="304 Not Modified"),
        answer(b'{"data": [', "application/json"),
        answer(b"\xff\xfe", "application/json"),
    ],
)
def test_who_answers_is_proved_and_no_proxmox(said: bytes, site: Site) -> None:
    """Another service of that host: its answers are not taken for a cluster."""
    with listener(tls(*_real(site), said)) as server:
        site.change(f"port: {site.proxmox.port}", f"port: {server.port}")
        text = error_of(site.plan)
    assert f"127.0.0.1:{server.port} does not answer as Proxmox VE does" in text


@pytest.mark.parametrize("status", ["404 Not Found", "405 Method Not Allowed", "400 Bad Request"])
def test_a_refusal_that_is_no_proxmoxs(status: str, site: Site) -> None:
    """Its page of HTML is nobody's business."""
    with listener(tls(*_real(site), answer(b"<html>no\nsuch page</html>", "text/html", status))) as server:
        site.change(f"port: {site.proxmox.port}", f"port: {server.port}")
        text = error_of(site.plan)
    assert status[4:] in text
    assert "<html>" not in text


def test_a_certificate_that_is_over(site: Site) -> None:
    ca, chain, key = _made(site.folder, days=60)
    _prove(site, f", ca: {ca}")
    text, server = _ask(site, tls(chain, key))
    assert "expired" in text
    assert not server.heard


@pytest.mark.parametrize("proof", ["ca", "fingerprint", "none"])
def test_somebody_else_in_between(proof: str, site: Site) -> None:
    """With a certificate of his own, whichever proof the spec names."""
    _, chain, key = _made(site.folder)
    if proof != "ca":
        _prove(site, f", fingerprint: '{site.proxmox.fingerprint}'" if proof == "fingerprint" else "")
    text, server = _ask(site, tls(chain, key))
    assert "nothing was sent" in text
    assert not server.heard


@pytest.mark.parametrize("proof", ["ca", "fingerprint", "none"])
def test_no_tls_at_all(proof: str, site: Site) -> None:
    """What comes is the beginning of a handshake."""
    if proof != "ca":
        _prove(site, f", fingerprint: '{site.proxmox.fingerprint}'" if proof == "fingerprint" else "")
    text, server = _ask(site, plain)
    assert f"127.0.0.1:{server.port}" in text
    assert b"PVEAPIToken" not in server.heard
    assert b"HTTP" not in server.heard


@pytest.mark.parametrize("proof", ["ca", "fingerprint"])
def test_somebody_else_behind_a_proxy(proof: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names a proxy; the proof is asked of who is behind it all the same."""
    _, chain, key = _made(site.folder)
    if proof == "fingerprint":
        _prove(site, f", fingerprint: '{site.proxmox.fingerprint}'")
    with listener(tls(chain, key)) as server, listener(proxy(server.port)) as between:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{between.port}")
        site.change("host: 127.0.0.1", "host: 192.0.2.1")
        text = error_of(site.plan)
    assert b"CONNECT 192.0.2.1" in between.heard
    assert b"PVEAPIToken" not in between.heard
    assert not server.heard
    assert "nothing was sent" in text


def test_a_proxy_before_the_right_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    _prove(site, f", fingerprint: '{site.proxmox.fingerprint}'")
    with listener(proxy(site.proxmox.port)) as between:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{between.port}")
        site.change("host: 127.0.0.1", "host: 192.0.2.1")
        _works(site)
    assert b"PVEAPIToken" not in between.heard


def test_a_bundle_of_the_environment_proves_nothing_where_the_spec_has_a_proof(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca, chain, key = _made(site.folder)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca))
    text, server = _ask(site, tls(chain, key))
    assert "nothing was sent" in text
    assert not server.heard
