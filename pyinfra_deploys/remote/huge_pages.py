"""Huge pages for the server's shared memory, counted by the server itself where it can (PostgreSQL 15 and later)."""

from __future__ import annotations

import math
import os
import subprocess
from typing import Any


def main(question: dict[str, Any]) -> dict[str, Any]:
    if subprocess.run(["systemd-detect-virt", "-cq"], check=False).returncode == 0:
        return {"differs": False}
    pages = question["pages"]
    if pages is None:
        pages = _counted(question)
    text = "vm.nr_hugepages = " + str(pages) + "\n"
    differs = _total() < pages or _read(question["file"]) != text
    if differs and question["make"]:
        with open(question["file"], "w", encoding="ascii") as file:
            file.write(text)
        subprocess.run(["sysctl", "-q", "-p", question["file"]], check=True)
        if _total() < pages:
            raise SystemExit(
                "the kernel found room for %d of %d huge pages; its memory is in pieces: reboot, or ask for less"
                % (_total(), pages)
            )
    return {"differs": differs, "pages": pages}


def _counted(question: dict[str, Any]) -> int:
    words = ["-C", "shared_memory_size_in_huge_pages", "-c", "config_file=" + question["config"]]
    done = subprocess.run(
        ["runuser", "-u", "postgres", "--", question["postgres"], *words],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0 and done.stdout.strip().isdigit():
        return int(done.stdout)
    # PostgreSQL 14, or a server that runs already and does not count: its buffers and a twentieth more
    wanted: float = question["shared_buffers"] * 1.05
    return math.ceil(wanted / (_size() * 1024))


def _meminfo(key: str) -> int:
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def _size() -> int:
    return _meminfo("Hugepagesize") or 2048


def _total() -> int:
    return _meminfo("HugePages_Total")


def _read(path: str) -> str:
    if not os.path.exists(path):
        return ""
    with open(path, encoding="ascii") as file:
        return file.read()
