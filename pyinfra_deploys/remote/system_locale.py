"""The system's locale: generated where libc does not bring it, and LANG in the file where Debian has that."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

FILES = ("/etc/locale.conf", "/etc/default/locale")
SUPPORTED = "/usr/share/i18n/SUPPORTED"


def main(question: dict[str, Any]) -> dict[str, Any]:
    wanted = question["locale"]
    missing, other = not _known(wanted), _lang() != wanted
    if question["make"] and missing:
        _generate(wanted)
    if question["make"] and other:
        # Debian's own tool knows which of the files it is
        _run(["update-locale", "LANG=" + wanted])
    return {"differs": missing or other}


def _known(locale: str) -> bool:
    names = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.split()
    return _spelled(locale) in map(_spelled, names)


def _spelled(locale: str) -> str:
    """One spelling: C.UTF-8 is C.utf8."""
    language, dot, codeset = locale.partition(".")
    return language + dot + codeset.lower().replace("-", "")


def _generate(locale: str) -> None:
    lines = [line for line in _read(SUPPORTED).splitlines() if line.split(" ")[0] == locale]
    if not lines:
        raise SystemExit("this system knows no locale %s; those it knows are in %s" % (locale, SUPPORTED))
    text = _read("/etc/locale.gen")
    if lines[0] not in text.splitlines():
        with open("/etc/locale.gen", "a", encoding="utf-8") as file:
            file.write(("" if text.endswith("\n") or not text else "\n") + lines[0] + "\n")
    _run(["locale-gen"])


def _lang() -> str:
    for path in FILES:
        found = re.search(r"(?m)^LANG=[\"']?([^\"'\s]*)", _read(path))
        if found:
            return found.group(1)
    return ""


def _read(path: str) -> str:
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(words[0] + ": " + (done.stderr.strip() or done.stdout.strip()))
