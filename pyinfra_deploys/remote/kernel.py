"""The running kernel's settings, as wanted; in a container the kernel is the host's."""

from __future__ import annotations

import os
import subprocess
from typing import Any

THP = "/sys/kernel/mm/transparent_hugepage/enabled"


def main(question: dict[str, Any]) -> dict[str, Any]:
    if subprocess.run(["systemd-detect-virt", "-cq"], check=False).returncode == 0:
        return {"differs": []}
    differs = [name for name, value in question["sysctl"].items() if _words(_path(name)) != value.split()]
    pages = question["transparent_huge_pages"]
    thp = pages is not None and os.path.exists(THP) and "[" + pages + "]" not in _words(THP)
    if question["make"]:
        for name in differs:
            _write(_path(name), question["sysctl"][name])
        if thp:
            _write(THP, pages)
    return {"differs": differs + (["transparent huge pages"] if thp else [])}


def _path(name: str) -> str:
    # as sysctl has it: a slash in a name is a dot in a part, such as a network card's of a VLAN
    return "/proc/sys/" + name.translate({ord("."): "/", ord("/"): "."})


def _words(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().split()
    except OSError as error:
        raise SystemExit("%s: %s; this kernel has no such setting" % (path, error.strerror)) from None


def _write(path: str, value: str) -> None:
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(value)
    except OSError as error:
        raise SystemExit("%s: the kernel refuses %s: %s" % (path, value, error.strerror)) from None
