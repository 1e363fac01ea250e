"""Runs on the host: a restore into a folder of its own, and a server on it that nobody but its user reaches.

The server runs in a transient unit of systemd. It archives nothing, follows nobody, runs no command of the old one's,
and starts none of its workers: a copy of a subscriber would take changes from its publisher.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import Any

from pgdeploy.layers.backup.pgbackrest.on_host.common import (
    alone,
    answer,
    as_server,
    control,
    give,
    pgbackrest,
    why,
)

question: dict[str, Any] = globals().get("question", {})
UNIT = "pgdeploy-proof.service"
LOCK = "/run/pgdeploy-proof.lock"
OURS = "/run/pgdeploy-proof"
"""What the server reads and writes at its start: the folder of its data is its user's, who could put links there."""
LONGEST = "12h"
"""What a killed run left is stopped after this by itself."""
BUSY = "another restore is being proved there; try again later"


def main() -> dict[str, Any]:
    if question["act"] == "stop":
        stop()
        return {}
    return into() if question["act"] == "into" else started()


def stop() -> None:
    """Also what a run left that was killed."""
    subprocess.run(["systemctl", "stop", UNIT], capture_output=True, check=False)
    subprocess.run(["systemctl", "reset-failed", UNIT], capture_output=True, check=False)
    shutil.rmtree(question["folder"], ignore_errors=True)
    shutil.rmtree(OURS, ignore_errors=True)


def started() -> dict[str, Any]:
    """Gives why it failed, or nothing: that a backup cannot be restored is a result, and no failure of ours."""
    if in_use():
        raise SystemExit(BUSY)
    stop()
    failed = restored() or start(question["folder"], question["folder"] + "/data")
    if failed:
        stop()
    return {"failed": failed}


def into() -> dict[str, Any]:
    """The same without a server, to stay."""
    if os.path.lexists(question["folder"]):
        raise SystemExit("%s is there already; name a folder that is not" % question["folder"])
    failed = restored()
    if failed:
        shutil.rmtree(question["folder"], ignore_errors=True)
    return {"failed": failed}


def restored() -> str:
    """Why it failed, or nothing."""
    folder = question["folder"]
    free = shutil.disk_usage(existing(os.path.dirname(folder))).free
    if free < question["size"]:
        words = "%s: the backup has %d bytes, and only %d are free; name a folder with more room (backup: scratch:)"
        raise SystemExit(words % (os.path.dirname(folder), question["size"], free))
    os.makedirs(folder, 0o700)
    give(folder)
    data = folder + "/data"
    as_server(["mkdir", "-m", "700", data, folder + "/tablespaces"])
    into = ["--pg1-path=" + data, "--tablespace-map-all=" + folder + "/tablespaces", "--archive-mode=off"]
    done = pgbackrest(question["stanza"], [*question["options"], *into, "restore"])
    return "pgBackRest could not restore it: " + why(done) if done.returncode else ""


def existing(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def in_use() -> bool:
    """Whether the server of another run has a session: one without was left by a run that was killed."""
    if subprocess.run(["systemctl", "is-active", "-q", UNIT], check=False).returncode:
        return False
    count = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend'"
    words = ["psql", "-XAtqw", "-h", question["folder"], "-d", "postgres", "-c", count]
    return as_server(words).stdout.strip() not in ("", "1")


def start(folder: str, data: str) -> str:
    os.mkdir(OURS, 0o755)
    for name, text in (
        ("postgresql.conf", ""),
        ("pg_hba.conf", "local all postgres peer\n"),
        ("pg_ident.conf", ""),
    ):
        with open(os.path.join(OURS, name), "w", encoding="utf-8") as file:
            file.write(text)
    log = OURS + "/log"
    words = ["systemd-run", "-q", "--unit=" + UNIT, "-p", "User=postgres", "-p", "RuntimeMaxSec=" + LONGEST]
    words += ["-p", "KillMode=mixed", "-p", "KillSignal=SIGINT", "-p", "StandardError=append:" + log, "--"]
    options = {**options_of(folder, data), **settings(data)}
    # systemd takes $ for the beginning of a variable
    plain = ("%s=%s" % (name, value.replace("$", "$$")) for name, value in options.items())
    arguments = [part for one in plain for part in ("-c", one)]
    done = subprocess.run(
        [*words, question["binaries"] + "/postgres", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit("no server could be started on the restored copy: " + why(done))
    while not ready(folder):
        if subprocess.run(["systemctl", "is-active", "-q", UNIT], check=False).returncode:
            return "the restored server does not run: " + said(log)
        time.sleep(0.1)
    return ""


def options_of(folder: str, data: str) -> dict[str, str]:
    """They beat what postgresql.auto.conf of the backup says."""
    return {
        "data_directory": data,
        "config_file": OURS + "/postgresql.conf",
        "hba_file": OURS + "/pg_hba.conf",
        "ident_file": OURS + "/pg_ident.conf",
        "external_pid_file": "",
        "listen_addresses": "",
        "unix_socket_directories": folder,
        "unix_socket_permissions": "0700",
        "port": "5432",
        "ssl": "off",
        "archive_mode": "off",
        "archive_cleanup_command": "",
        "recovery_end_command": "",
        "primary_conninfo": "",
        "hot_standby": "off",
        "fsync": "off",
        "logging_collector": "off",
        "log_destination": "stderr",
        "shared_buffers": "128MB",
        "huge_pages": "off",
        "autovacuum": "off",
        "max_logical_replication_workers": "0",
        "shared_preload_libraries": question["libraries"],
        "session_preload_libraries": "",
        "local_preload_libraries": "",
    }


def settings(data: str) -> dict[str, str]:
    """What recovery needs at least as large as it was."""
    names = {
        "max_connections setting": "max_connections",
        "max_worker_processes setting": "max_worker_processes",
        "max_wal_senders setting": "max_wal_senders",
        "max_prepared_xacts setting": "max_prepared_transactions",
        "max_locks_per_xact setting": "max_locks_per_transaction",
    }
    known = control(question["binaries"], data)
    return {names[name]: value for name, value in known.items() if name in names}


def ready(folder: str) -> bool:
    words = ["psql", "-XAtqw", "-h", folder, "-d", "postgres", "-c", "SELECT pg_catalog.pg_is_in_recovery()"]
    return as_server(words).stdout.strip() == "f"


def said(log: str) -> str:
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            wrong = [line for line in file if "FATAL" in line or "PANIC" in line]
            # what our own questions were told meanwhile
            lines = [" ".join(line.split()) for line in wrong if "the database system is" not in line]
    except FileNotFoundError:
        lines = []
    return "; ".join(lines[-2:]) or "it said nothing"


if __name__ == "__main__":
    answer(lambda: alone(main, LOCK, BUSY))
