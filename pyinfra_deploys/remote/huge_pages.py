"""Huge pages for the server's shared memory, counted by the server itself where it can (PostgreSQL 15 and later)."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import tempfile
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
    with tempfile.TemporaryDirectory(prefix="pgdeploy-") as folder:
        done = _count(question, folder)
    if done.returncode == 0 and done.stdout.strip().isdigit():
        return int(done.stdout)
    # PostgreSQL 14 does not count, and what is not there yet cannot: its buffers and a twentieth more
    wanted: float = question["shared_buffers"] * 1.05
    return math.ceil(wanted / (_size() * 1024))


def _count(question: dict[str, Any], folder: str) -> subprocess.CompletedProcess[str]:
    """With the settings that it will have. A server that runs holds its data directory; so it counts in another one."""
    data = folder + "/data"
    os.mkdir(data, 0o700)
    os.mkdir(data + "/global")
    for name in ("PG_VERSION", "global/pg_control", "postgresql.auto.conf"):
        if os.path.exists(question["data_directory"] + "/" + name):
            shutil.copyfile(question["data_directory"] + "/" + name, data + "/" + name)
    with open(folder + "/new.conf", "w", encoding="utf-8") as file:
        file.write("include '%s'\n" % question["config"] + question["settings"])
    subprocess.run(["chown", "-R", "postgres:", folder], check=False)
    words = ["-C", "shared_memory_size_in_huge_pages"]
    for name in ("data_directory", "hba_file", "ident_file"):
        words += ["-c", name + "=" + data]
    words += ["-c", "config_file=" + folder + "/new.conf"]
    return subprocess.run(
        ["runuser", "-u", "postgres", "--", question["postgres"], *words],
        capture_output=True,
        text=True,
        check=False,
    )


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
