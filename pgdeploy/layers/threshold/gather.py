"""Runs on the host, with nothing but the standard library: processors, memory and file systems.

`question` has the window in seconds and the folders to measure. Each answer is a list of [value, what it is of]; a
value of null could not be read, and says why.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def busy_and_all() -> tuple[int, int]:
    """Jiffies of all processors since the start: those with work, and all."""
    with Path("/proc/stat").open(encoding="ascii") as file:
        user, nice, system, idle, iowait, *rest = map(int, file.readline().split()[1:9])
    total = user + nice + system + idle + iowait + sum(rest)
    return total - idle - iowait, total


def processors(window: float) -> list[list[Any]]:
    busy, total = busy_and_all()
    time.sleep(window)
    busy_then, total_then = busy_and_all()
    passed = total_then - total
    if passed <= 0:
        return [[None, "the kernel counted no time in the window; make it longer"]]
    return [[100.0 * (busy_then - busy) / passed, f"of {os.cpu_count()} processors"]]


def memory() -> list[list[Any]]:
    known: dict[str, int] = {}
    with Path("/proc/meminfo").open(encoding="ascii") as file:
        for line in file:
            name, _, value = line.partition(":")
            known[name] = int(value.split()[0])
    total, free = known["MemTotal"], known["MemAvailable"]
    return [[100.0 * (total - free) / total, f"{free // 1024} MB of {total // 1024} MB are free"]]


def file_systems(folders: list[dict[str, str]]) -> tuple[list[list[Any]], list[list[Any]]]:
    """Used space and inodes, as `df` reckons: of what is left to others than root."""
    space: list[list[Any]] = []
    inodes: list[list[Any]] = []
    seen: dict[int, str] = {}
    for folder in folders:
        path, what = folder["path"], folder["what"]
        try:
            device, status = Path(path).stat().st_dev, os.statvfs(path)
        except OSError as error:
            for answers in (space, inodes):
                answers.append([None, f"{what}, {path}: {error.strerror}"])
            continue
        if device in seen:
            continue
        seen[device] = path
        used = status.f_blocks - status.f_bfree
        whole = used + status.f_bavail
        free = status.f_bavail * status.f_frsize
        space.append([100.0 * used / whole if whole else 0.0, f"{what}, {path}, {free >> 20} MB are free"])
        if status.f_files:
            share = 100.0 * (status.f_files - status.f_ffree) / status.f_files
            inodes.append([share, f"{what}, {path}, {status.f_ffree} are free"])
    return space, inodes


if __name__ == "__main__":
    question: dict[str, Any] = globals()["question"]
    space, inodes = file_systems(question["folders"])
    busy = processors(question["window"])
    json.dump({"cpu": busy, "memory": memory(), "disk": space, "inodes": inodes}, sys.stdout)
