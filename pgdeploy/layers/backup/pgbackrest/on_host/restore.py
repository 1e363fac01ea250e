"""Runs on the host: a restore in place. The old data directory is kept beside the new one, also when that one runs.

A mark in root's folder says where the old one is while this runs, so that the next restore goes on from there. Folders
of the server's user are his to change meanwhile: nothing of ours is kept in them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from contextlib import suppress
from typing import Any

from pgdeploy.layers.backup.pgbackrest.on_host.common import (
    alone,
    answer,
    as_server,
    control,
    give,
    pgbackrest,
    private,
    why,
)

question: dict[str, Any] = globals().get("question", {})
MARK = "/var/lib/pgdeploy/restore.json"
LOCK = "/run/pgdeploy-restore.lock"
BUSY = "another restore is running there; try again later"


def restored() -> dict[str, Any]:
    data = question["data_directory"]
    kept = cut_short(data)
    if kept is None:
        require_possible(data)
    stop()
    try:
        if question["overwrite"]:
            make(data)
            run_restore(["--delta"])
        else:
            kept = move_away(data, kept)
            run_restore([])
        start()
    except (SystemExit, OSError) as error:
        raise SystemExit("%s; %s" % (error, put_back(data))) from None
    forget()
    return {"kept": kept, "timeline": timeline()}


def cut_short(data: str) -> str | None:
    """Where a restore that did not get to its end put the old data directory.

    pgBackRest restores pg_control last. With it a restore was whole, and the server may have run on it since: then that
    is what is there now, and is kept like any other.
    """
    return None if os.path.exists(data + "/global/pg_control") else marked(data)


def marked(data: str) -> str | None:
    """Where a restore of this data directory put the old one."""
    try:
        with open(MARK, encoding="utf-8") as file:
            mark = json.load(file)
    except FileNotFoundError:
        return None
    return mark["kept"] if mark["data"] == data and os.path.isdir(mark["kept"]) else None


def forget() -> None:
    if os.path.exists(MARK):
        os.unlink(MARK)


def require_possible(data: str) -> None:
    """Before anything stops."""
    if question["overwrite"]:
        return
    if os.path.ismount(data):
        raise SystemExit("%s is a mount point, so it cannot be kept under another name; %s" % (data, SAY_SO))
    outside = list(elsewhere(data))
    if outside:
        raise SystemExit(
            "%s is outside of the data directory, and would be in the way; %s" % (outside[0], SAY_SO)
        )
    free = shutil.disk_usage(os.path.dirname(data)).free
    if free < question["size"]:
        words = "%s: the backup has %d bytes, and only %d are free beside what is there; %s"
        raise SystemExit(words % (os.path.dirname(data), question["size"], free, SAY_SO))


SAY_SO = "nothing was restored; --overwrite restores over the old one, which is lost then"


def elsewhere(data: str) -> Any:
    """Tablespaces, and parts of the data directory that are links."""
    for folder in (data, data + "/pg_tblspc"):
        for entry in os.scandir(folder) if os.path.isdir(folder) else ():
            if entry.is_symlink() and os.path.isdir(entry.path):
                yield os.readlink(entry.path)


def move_away(data: str, kept: str | None) -> str:
    """The old data directory gets another name; what a restore that was cut short left in its place is removed."""
    if kept is not None:
        shutil.rmtree(data, ignore_errors=True)
    else:
        kept = data + ".before-" + question["stamp"]
        os.makedirs(os.path.dirname(MARK), 0o755, exist_ok=True)
        with open(MARK, "w", encoding="utf-8", opener=private) as file:
            json.dump({"data": data, "kept": kept}, file)
            file.flush()
            os.fsync(file.fileno())
        rename(data, kept)
    make(data)
    return kept


def make(data: str) -> None:
    if not os.path.isdir(data):
        os.mkdir(data, 0o700)
        give(data)


def rename(data: str, kept: str) -> None:
    """A disk that was lost has nothing to be kept."""
    try:
        if os.path.isdir(data):
            os.rename(data, kept)
    except OSError as error:
        raise SystemExit("%s cannot be renamed: %s; %s" % (data, error.strerror, SAY_SO)) from None


def run_restore(more: list[str]) -> None:
    done = pgbackrest(question["stanza"], [*question["options"], *more, "restore"])
    if done.returncode:
        raise SystemExit("pgBackRest could not restore it: " + why(done))


def put_back(data: str) -> str:
    """The old data directory is the server's again, and the server runs as before."""
    subprocess.run(["systemctl", "stop", question["unit"]], capture_output=True, check=False)
    if question["overwrite"]:
        return "the server is stopped, and its data directory is as the restore left it"
    kept = marked(data)
    if kept is not None:
        shutil.rmtree(data, ignore_errors=True)
        os.rename(kept, data)
    forget()
    subprocess.run(["systemctl", "reset-failed", question["unit"]], capture_output=True, check=False)
    done = subprocess.run(["systemctl", "start", question["unit"]], capture_output=True, check=False)
    return "the old data directory is back, and the server %s" % (
        "does not start" if done.returncode else "runs"
    )


def stop() -> None:
    """Before it stops, the last WAL goes into the repositories: what is there now can be restored, too."""
    where = ["-h", question["socket_folder"], "-p", str(question["port"]), "-d", "postgres"]
    words = ["psql", "-XAtqw", *where, "-c", "SELECT pg_catalog.pg_switch_wal()"]
    with suppress(subprocess.TimeoutExpired):
        as_server(words, 30, PGOPTIONS="-c role=none -c search_path=pg_catalog,pg_temp")
    done = subprocess.run(
        ["systemctl", "stop", question["unit"]], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit("the server could not be stopped: " + why(done))


def start() -> None:
    subprocess.run(["systemctl", "reset-failed", question["unit"]], capture_output=True, check=False)
    since = time.time()
    done = subprocess.run(
        ["systemctl", "start", question["unit"]], capture_output=True, text=True, check=False
    )
    if done.returncode or not comes_up():
        raise SystemExit("the restored server does not run: " + said(since))


def comes_up() -> bool:
    """Whether recovery ends, however long it takes: pg_controldata needs no login."""
    while is_active():
        if controlled("Database cluster state") == "in production":
            return True
        time.sleep(0.2)
    return False


BEYOND = " (WAL ends before that: without --time, --lsn, --point and --xid all of it is replayed)"


def is_active() -> bool:
    words = ["systemctl", "is-active", "-q", question["unit"]]
    return subprocess.run(words, check=False).returncode == 0


def controlled(name: str) -> str:
    """One line of pg_controldata."""
    return control(question["binaries"], question["data_directory"]).get(name, "")


def timeline() -> int:
    return int(controlled("Latest checkpoint's TimeLineID") or 0)


def said(since: float) -> str:
    """What the server said last: in its log file, or in the journal."""
    found = []
    for folder in question["logs"]:
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path) and os.path.getmtime(path) >= since - 1:
                with open(path, encoding="utf-8", errors="replace", opener=private) as file:
                    found += [line for line in file if "FATAL" in line or "PANIC" in line]
    words = (
        "; ".join(" ".join(line.split()) for line in found[-2:]) or "see journalctl -u " + question["unit"]
    )
    return words + (BEYOND if "before configured recovery target" in words else "")


if __name__ == "__main__":
    answer(lambda: alone(restored, LOCK, BUSY))
