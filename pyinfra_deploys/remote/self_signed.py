"""A certificate that signs itself, for tests: made once, made anew when names change or it is about to expire."""

from __future__ import annotations

import ipaddress
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from typing import Any


def main(question: dict[str, Any]) -> dict[str, Any]:
    anew, bared = _differs(question), _bared(question["key"])
    if anew and question["make"]:
        _make(question)
    elif bared and question["make"]:
        shutil.chown(question["key"], "postgres", "postgres")
        os.chmod(question["key"], 0o600)
    return {"differs": anew or bared}


def _bared(key: str) -> bool:
    """Whether others than the server may read the key."""
    if not os.path.exists(key):
        return False
    found = os.stat(key)
    return found.st_mode & 0o777 != 0o600 or pwd.getpwuid(found.st_uid).pw_name != "postgres"


def _differs(question: dict[str, Any]) -> bool:
    if not (os.path.exists(question["certificate"]) and os.path.exists(question["key"])):
        return True
    done = subprocess.run(
        ["openssl", "x509", "-in", question["certificate"], "-noout", "-ext", "subjectAltName",
         "-checkend", str(int(question["expires_after"]))],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    found = re.findall(r"(?:DNS|IP Address):([^,\s]+)", done.stdout)
    return done.returncode != 0 or set(map(_canonical, found)) != set(map(_canonical, question["names"]))


def _make(question: dict[str, Any]) -> None:
    folder = os.path.dirname(question["key"])
    names = ",".join(("IP:" if _address(name) else "DNS:") + name for name in question["names"])
    with tempfile.TemporaryDirectory(prefix=".pgdeploy-", dir=folder) as work:
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
        for source, path, mode in (("key", question["key"], 0o600), ("crt", question["certificate"], 0o644)):
            shutil.chown(work + "/" + source, "postgres", "postgres")
            os.chmod(work + "/" + source, mode)
            os.replace(work + "/" + source, path)


def _canonical(name: str) -> str:
    return str(ipaddress.ip_address(name)) if _address(name) else name.lower()


def _address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()
