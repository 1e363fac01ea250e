"""kill -9, and Ctrl-C, in the middle of an apply: nothing is lost, and the next apply converges."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from pgdeploy.gate.target import Target
from pgdeploy.reach.embedded import Cluster
from tests.faults.conftest import converges

POINTS = [
    ("ALTER SYSTEM", 0),
    ("ALTER SYSTEM", 5),
    ("pg_reload_conf", 0),
    ('CREATE ROLE "owner"', 0),
    ('CREATE ROLE "reader"', 2),
    ('GRANT "owner"', 0),
    ('CREATE DATABASE "base"', 0),
    ('CREATE DATABASE "base"', 20),
    ('CREATE DATABASE "base"', 60),
    ("CREATE SCHEMA", 0),
    ("ALTER DEFAULT PRIVILEGES", 0),
    ("GRANT USAGE", 3),
    ('CREATE DATABASE "copy"', 0),
    ('CREATE DATABASE "copy"', 40),
    ("REVOKE CONNECT", 0),
    ("GRANT CONNECT", 2),
    ("IN DATABASE", 0),
]
"""A statement in the server's log, and how many milliseconds after it the blow falls."""


def start(target: Target, server: Cluster) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pgdeploy", "apply", str(target.file), "--dsn", server.dsn, "--yes"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(statement: str, server: Cluster, since: int) -> None:
    deadline = time.monotonic() + 30
    while statement not in server.log.read_text(errors="replace")[since:]:
        assert time.monotonic() < deadline, f"{statement} never came"
        time.sleep(0.001)


@pytest.mark.parametrize(("statement", "delay"), POINTS)
def test_kill_9_at_any_point(statement: str, delay: int, target: Target, server: Cluster) -> None:
    since = len(server.log.read_text(errors="replace"))
    apply = start(target, server)
    wait_for(statement, server, since)
    time.sleep(delay / 1000)
    apply.kill()
    apply.communicate()
    converges(target, server)


def test_ctrl_c(target: Target, server: Cluster) -> None:
    since = len(server.log.read_text(errors="replace"))
    apply = start(target, server)
    wait_for('CREATE DATABASE "base"', server, since)
    apply.send_signal(signal.SIGINT)
    _, said = apply.communicate(timeout=30)
    assert apply.returncode in (0, 1, 130)
    assert "Traceback" not in said
    converges(target, server)
