"""Scripts of pgbench, run by the real one: many clients at once, as the role that uses the statements.

A script cannot be put into a read-only transaction; its sessions begin as read-only instead, unless it writes, with a
limit for each statement.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.errors import Unreadable
from pgdeploy.layers.workload.calm import EVERY, Calm
from pgdeploy.layers.workload.login import APPLICATION, Failed, log_in, password_of
from pgdeploy.layers.workload.scratch import database_for
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.reach.program import environment, found_program, way_of

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.model.workload import ScriptSpec
    from pgdeploy.reach.server import Server
    from pgdeploy.secret.reference import Secret

PATIENCE = 30
"""Seconds that pgbench gets beside what it is told to run."""


class Benched(NamedTuple):
    """How long each transaction took, in seconds, and how many there were in one."""

    latencies: tuple[float, ...]
    throughput: float


def benched(spec: Spec, one: ScriptSpec, server: Server) -> Benched | Failed:
    """Run a script for its time.

    Raises:
        TargetError: the role cannot log in, there is no pgbench or no database for what it writes, or the server is
            busy, or becomes so.
        SecretError: its password cannot be read.
    """
    program = str(found_program("pgbench"))
    calm = Calm(spec, server)
    calm.require()
    secret = password_of(spec, one.role)
    with (
        database_for(spec, one, server) as database,
        tempfile.TemporaryDirectory(prefix="pgdeploy-pgbench-") as folder,
    ):
        (Path(folder) / "script").write_text(one.script, encoding="utf-8")
        with closing(log_in(one.role, secret, database, server)) as connection:
            conninfo = way_of(connection, one.role, database)
        return _run(program, one, conninfo, secret, folder, calm)


def _run(
    program: str, one: ScriptSpec, way: str, secret: Secret | None, folder: str, calm: Calm
) -> Benched | Failed:
    seconds, limit = max(1, round(seconds_of(one.duration))), round(seconds_of(one.timeout) * 1000)
    command = [program, "--no-vacuum", "--file=script", f"--client={one.clients}", f"--time={seconds}"]
    command += [f"--jobs={min(one.clients, os.cpu_count() or 1)}", "--log", "--log-prefix=log"]
    command += [*(["--connect"] if one.reconnect else []), way]
    presets = f"-c statement_timeout={limit} -c lock_timeout={limit}"
    presets += " -c default_transaction_read_only=on" if not one.writes else ""
    password = secret.reveal() if secret is not None else None
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment(password, {"PGOPTIONS": presets, "PGAPPNAME": APPLICATION}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
    ) as running:
        try:
            said = _await(running, seconds + PATIENCE, calm)
        finally:
            running.kill()
    if said is None:
        return Failed(f"pgbench had not ended {PATIENCE} s after its time")
    if running.returncode != 0:
        return Failed(_why(said) or f"pgbench ended with {running.returncode}")
    latencies = tuple(_latencies(Path(folder)))
    if not latencies:
        raise Unreadable("pgbench finished no transaction in its time; make duration longer")
    return Benched(latencies, len(latencies) / seconds)


def _await(running: subprocess.Popen[str], seconds: float, calm: Calm) -> str | None:
    """What it said; None when it has not ended in time. Raises TargetError when the server is not calm any more."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            return running.communicate(timeout=EVERY)[1]
        except subprocess.TimeoutExpired:
            calm.keep()
    return None


def _why(said: str) -> str:
    """The first error of the server, or of the script."""
    lines = [line for line in said.splitlines() if "error:" in line.lower()]
    return lines[0].partition("error:")[2].strip() if lines else ""


def _latencies(folder: Path) -> Iterator[float]:
    """Seconds of each transaction: the third column of pgbench's log has microseconds."""
    for file in folder.glob("log.*"):
        for line in file.read_text("utf-8").splitlines():
            if (word := line.split()[2]).isdecimal():
                yield int(word) / 1_000_000
