"""Our table of nftables: the file, what includes it at boot, and the rules that the kernel has.

Rules are compared by loading the file into a network of its own and listing both in nft's own words.
"""

from __future__ import annotations

import subprocess
import tempfile
from typing import Any

from pyinfra_deploys.remote.whole import desired_state, state_of, write_whole

MAIN = "/etc/nftables.conf"
TABLE = ["list", "table", "inet", "pgdeploy"]


def main(question: dict[str, Any]) -> dict[str, Any]:
    differs = _differs(question["file"])
    if differs and question["make"]:
        _check(question["file"]["text"])
        write_whole(question["file"])
        _include(question["file"]["path"])
        _nft(["-f", question["file"]["path"]])
    return {"differs": differs}


def _differs(file: dict[str, str]) -> list[str]:
    found = []
    if state_of(file["path"]) != desired_state(file):
        found.append(file["path"])
    if _line(file["path"]) not in (_read(MAIN) or ""):
        found.append(MAIN)
    if not found and _loaded() != _wanted(file["path"]):
        found.append("the rules in the kernel")
    return found


def _loaded() -> str | None:
    done = subprocess.run(["nft", *TABLE], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def _wanted(path: str) -> str:
    """How nft lists the file's rules."""
    script = 'nft -f "$1" && nft list table inet pgdeploy'
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script, "sh", path], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit("nft: " + done.stderr.strip())
    return done.stdout


def _line(path: str) -> str:
    return 'include "%s"\n' % path


def _include(path: str) -> None:
    """At boot nftables.service loads the main file; what else stands in it stays."""
    text = _read(MAIN)
    if text is None:
        text = "#!/usr/sbin/nft -f\nflush ruleset\n"
    if _line(path) not in text:
        whole = text.rstrip("\n") + "\n" + _line(path)
        write_whole({"path": MAIN, "text": whole, "owner": "root", "group": "root", "mode": "0755"})


def _check(text: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".nft") as file:
        file.write(text)
        file.flush()
        _nft(["-c", "-f", file.name])


def _nft(words: list[str]) -> None:
    done = subprocess.run(["nft", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit("nft refuses the rules: " + "; ".join(done.stderr.strip().splitlines()[:2]))


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None
