"""Write the catalogue of Redis's settings by asking real servers: python -m scripts.generate_redis 7=redis-server 8=...

A setting's kind is what the server itself says when it refuses a wrong value.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WHERE = Path(__file__).parent.parent / "pgdeploy/layers/service/redis/catalogue.json"
_KINDS = (
    (re.compile(r"must be 'yes' or 'no'"), lambda _: {"kind": "bool"}),
    (
        re.compile(r"must be one of the following: (.*)"),
        lambda found: {"kind": "choice", "values": found[1].split(", ")},
    ),
    (re.compile(r"must be a memory( or percent)? value"), lambda found: {"kind": "size"}),
    (re.compile(r"must be an octal"), lambda _: {"kind": "text"}),
    (re.compile(r"couldn't be parsed into an integer"), lambda _: {"kind": "integer"}),
)
_BETWEEN = re.compile(r"must be between (-?\d+) and (-?\d+) inclusive")
PORT = "7997"
_OURS = frozenset(
    {
        "port",
        "dir",
        "enable-protected-configs",
        "enable-debug-command",
        "enable-module-command",
        "bind",
        "daemonize",
        "requirepass",
        "masterauth",
        "masteruser",
        "aclfile",
        "user",
        "logfile",
        "syslog-enabled",
        "syslog-ident",
        "syslog-facility",
        "pidfile",
        "supervised",
        "replicaof",
        "slaveof",
        "unixsocket",
        "unixsocketperm",
        "always-show-logo",
    }
)
"""What is not for a spec: who comes in and where the files are is said by its own words."""
_BOGUS, _HUGE, _TINY = "bogus-1x", "9223372036854775807", "-9223372036854775807"


def settings_of(program: list[str]) -> dict[str, dict[str, Any]]:
    """By name, what this server knows."""
    options = ["--port", PORT, "--dir", "/tmp", "--save", "", "--enable-protected-configs", "yes"]  # noqa: S108
    with subprocess.Popen([*program, *options], stdout=subprocess.DEVNULL) as server:
        try:
            while "PONG" not in _cli("PING"):
                time.sleep(0.1)
            names = _cli("CONFIG", "GET", "*").split("\n")[::2]
            return {
                name: _setting(program, name) for name in sorted(filter(None, names)) if name not in _OURS
            }
        finally:
            server.terminate()


def _cli(*words: str) -> str:
    return subprocess.run(
        ["redis-cli", "-p", PORT, *words], capture_output=True, text=True, check=False
    ).stdout


def _setting(program: list[str], name: str) -> dict[str, Any]:
    said = _cli("CONFIG", "SET", name, _BOGUS)
    restart = "immutable config" in said
    if restart:
        said = _started(program, name, _BOGUS)
    found: dict[str, Any] = {"kind": "text"}
    for pattern, made in _KINDS:
        if (match := pattern.search(said)) is not None:
            found = made(match)
            break
    if found["kind"] in ("integer", "size"):
        for value in (_HUGE, _TINY):
            said = _started(program, name, value) if restart else _cli("CONFIG", "SET", name, value)
            if (match := _BETWEEN.search(said)) is not None:
                found |= {"least": int(match[1]), "most": int(match[2])}
    return found | ({"restart": True} if restart else {})


def _started(program: list[str], name: str, value: str) -> str:
    """What a start with this setting says; one that goes on is ended."""
    command = [*program, "--port", "0", f"--{name}", value]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            return server.communicate(timeout=0.5)[0]
        except subprocess.TimeoutExpired:
            server.kill()
            return ""


def main() -> None:
    known: dict[str, dict[str, Any]] = {}
    for word in sys.argv[1:]:
        major, _, program = word.partition("=")
        for name, found in settings_of(program.split()).items():
            entry = known.setdefault(name, {**found, "majors": []})
            entry.update(found)
            entry["majors"].append(int(major))
    WHERE.parent.mkdir(parents=True, exist_ok=True)
    WHERE.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
