"""A certificate that signs itself, for tests: made once, made anew when names change or it is about to expire."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import tempfile
from typing import Any

from pyinfra_deploys.remote.whole import State, state_of, write_whole


def main(question: dict[str, Any]) -> dict[str, Any]:
    key, certificate = state_of(question["key"]), state_of(question["certificate"])
    anew, bared = _differs(question, key, certificate), _bared(key)
    if anew and question["make"]:
        _make(question)
    elif bared and key is not None and question["make"]:
        write_whole(_of_server(question["key"], key[0], "0600"))
    return {"differs": anew or bared}


def _bared(key: State | None) -> bool:
    """Whether others than the server may read the key."""
    return key is not None and key[1::2] != ("postgres", 0o600)


def _differs(question: dict[str, Any], key: State | None, certificate: State | None) -> bool:
    """No pair of the server's own, or one for other names, or for not much longer."""
    if key is None or certificate is None or key[1] != "postgres" or not _fit(key, certificate):
        # what another user owns is not taken for the server's key, and not given away
        return True
    done = subprocess.run(
        [
            "openssl",
            "x509",
            "-noout",
            "-ext",
            "subjectAltName",
            "-checkend",
            str(int(question["expires_after"])),
        ],
        input=certificate[0],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )
    found = re.findall(r"(?:DNS|IP Address):([^,\s]+)", done.stdout)
    return done.returncode != 0 or set(map(_canonical, found)) != set(map(_canonical, question["names"]))


def _fit(key: State, certificate: State) -> bool:
    """Whether both are of one pair: the server that has them in memory would not start with others."""
    public = _openssl(key[0], "pkey", "-pubout", "-passin", "pass:")
    return bool(public) and public == _openssl(certificate[0], "x509", "-noout", "-pubkey")


def _openssl(text: str, *words: str) -> str:
    """What it prints; nothing where it cannot read the text."""
    done = subprocess.run(
        ["openssl", *words],
        input=text,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _of_server(path: str, text: str, mode: str) -> dict[str, str]:
    return {"path": path, "text": text, "owner": "postgres", "group": "postgres", "mode": mode}


def _make(question: dict[str, Any]) -> None:
    names = ",".join(("IP:" if _address(name) else "DNS:") + name for name in question["names"])
    # in a folder of root's: whoever owns the folder of the key could exchange it under openssl's hands
    with tempfile.TemporaryDirectory(prefix="pgdeploy-", dir="/run") as work:
        words = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]
        words += [
            "-days",
            "397",
            "-subj",
            "/CN=" + question["names"][0][:64],
            "-addext",
            "subjectAltName=" + names,
        ]
        words += ["-keyout", work + "/key", "-out", work + "/crt"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, umask=0o077)
        if done.returncode:
            raise SystemExit("openssl: " + done.stderr.strip().splitlines()[-1])
        for source, path, mode in (
            ("key", question["key"], "0600"),
            ("crt", question["certificate"], "0644"),
        ):
            with open(work + "/" + source, encoding="ascii") as file:
                write_whole(_of_server(path, file.read(), mode))


def _canonical(name: str) -> str:
    return str(ipaddress.ip_address(name)) if _address(name) else name.lower()


def _address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()
