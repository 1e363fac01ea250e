"""The whole of pgdeploy in a minute: plan, apply, prove, break by hand, find. On a server of its own."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from pgdeploy.reach.embedded import start_embedded

TARGET = "prod-pg01"
BREAK = "REVOKE pg_monitor FROM postgres_exporter"
BIN = Path(sys.executable).parent


def run(*command: str, expect: int, tail: int | None = None) -> None:
    """Show a command and what it prints; stop the demo when it does not end as it must."""
    print(bold(f"\n$ {shlex.join(command)}"), flush=True)
    done = subprocess.run([BIN / command[0], *command[1:]], check=False, capture_output=True, text=True)
    lines = (done.stderr + done.stdout).splitlines()
    if tail is not None and len(lines) > tail:
        print(f"  [... {len(lines) - tail} lines ...]")
        lines = lines[-tail:]
    print("\n".join(lines), flush=True)
    if done.returncode != expect:
        sys.exit(f"demo: exit code {done.returncode} where {expect} was due")


def say(text: str) -> None:
    print(bold(f"\n# {text}"), flush=True)


def bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


def break_by_hand(folder: Path) -> None:
    server = start_embedded(16, folder)
    try:
        with server.open() as connection:
            connection.execute(BREAK)
    finally:
        server.close()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="pgdeploy-demo-") as home:
        Path(home).chmod(0o755)  # the server runs as another user when we are root
        here = ("--on", "embedded", "--data-dir", f"{home}/cluster")
        saved = f"{home}/plan.json"
        say(
            f"What would make a fresh PostgreSQL 16 into specs/{TARGET}.yaml? (exit code 2: there are changes)"
        )
        run("pgdeploy", "plan", TARGET, *here, "--out", saved, expect=2)
        say("Do exactly that.")
        run("pgdeploy", "apply", TARGET, *here, "--plan", saved, "--yes", expect=0)
        say("Prove it, line by line.")
        gate = ("pytest", f"--target={TARGET}", "--on", "embedded", f"--data-dir={home}/cluster", "-q", "-rf")
        run(*gate, expect=0, tail=25)
        say(f"Somebody breaks one thing by hand:  psql -c '{BREAK}'")
        break_by_hand(Path(home) / "cluster")
        say("The gate names it, with the line of the spec and the remedy. (exit code 1: it is shut)")
        run(*gate, expect=1, tail=90)
    say("That was it; the server is gone. Next: README.md, and `.venv/bin/pgdeploy --help`.")


if __name__ == "__main__":
    main()
