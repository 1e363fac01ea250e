"""Huge pages for the server's shared memory, counted by the server itself where it can (PostgreSQL 15 and later)."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import tempfile
from typing import Any

from pyinfra_deploys.remote.whole import numbers_of, state_of, write_whole


def main(question: dict[str, Any]) -> dict[str, Any]:
    if subprocess.run(["systemd-detect-virt", "-cq"], check=False).returncode == 0:
        return {"differs": False}
    pages = question["pages"]
    if pages is None:
        pages = _counted(question)
    text = "vm.nr_hugepages = " + str(pages) + "\n"
    differs = _total() < pages or _read(question["file"]) != text
    if differs and question["make"]:
        write_whole(
            {"path": question["file"], "text": text, "owner": "root", "group": "root", "mode": "0644"}
        )
        subprocess.run(["sysctl", "-q", "-p", question["file"]], check=True)
        if _total() < pages:
            raise SystemExit(
                "the kernel found room for %d of %d huge pages; its memory is in pieces: reboot, or ask for less"
                % (_total(), pages)
            )
    return {"differs": differs, "pages": pages}


def _counted(question: dict[str, Any]) -> int:
    # not a TemporaryDirectory: older ones change modes through links that they come upon
    folder = tempfile.mkdtemp(prefix="pgdeploy-")
    try:
        done = _count(question, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode == 0 and done.stdout.strip().isdigit():
        return int(done.stdout)
    # PostgreSQL 14 does not count, and what is not there yet cannot: its buffers and a twentieth more
    wanted: float = question["shared_buffers"] * 1.05
    return math.ceil(wanted / (_size() * 1024))


def _count(question: dict[str, Any], folder: str) -> subprocess.CompletedProcess[str]:
    """With the settings that it will have. A server that runs holds its data directory; so it counts in another one."""
    user, group = numbers_of("postgres", "postgres")
    data = folder + "/data"
    files = {folder + "/new.conf": "include '%s'\n" % question["config"] + question["settings"]}
    os.makedirs(data + "/global")
    for name in ("PG_VERSION", "global/pg_control", "postgresql.auto.conf"):
        # never what a link in the server's folder leads to: it is about to be the server's own
        state = state_of(question["data_directory"] + "/" + name)
        if state is not None:
            files[data + "/" + name] = state[0]
    for path, text in files.items():
        write_whole({"path": path, "text": text, "owner": "postgres", "group": "postgres", "mode": "0600"})
    # from below: what is the server's already is not gone through again
    for path in (data + "/global", data):
        os.chmod(path, 0o700)
        os.chown(path, user, group)
    os.chown(folder, 0, group)
    os.chmod(folder, 0o750)
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
