"""An embedded cluster that is kept, and pgdeploy's commands on it as processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SPEC = """\
postgres: 16
settings: {log_statement: all}
roles:
  postgres: {superuser: true, login: true}
  owner: {login: true, password: {env: FAULT_PASSWORD_NOT_SET}}
  reader: {}
databases:
  base: {is_template: true, schemas: {sales: {owner: owner}}}
  copy: {from_template: base, owner: owner}
"""


class Site:
    """A spec and the directory of its cluster."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "cluster"
        self.log = self.home / "server.log"
        self.pid = self.home / "data" / "postmaster.pid"
        self._spec = folder / "shop.yaml"
        self.say(SPEC)

    def say(self, spec: str) -> None:
        self._spec.write_text(spec)

    def start(self, command: str, *options: str) -> subprocess.Popen[str]:
        arguments = [command, str(self._spec), "--on", "embedded", "--data-dir", str(self.home), *options]
        return subprocess.Popen(
            [sys.executable, "-m", "pgdeploy", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, *options: str) -> tuple[int, str]:
        running = self.start(command, *options)
        output, errors = running.communicate(timeout=120)
        return running.returncode, output + errors

    def logged(self, text: str) -> bool:
        return self.log.exists() and text in self.log.read_text(errors="replace")

    def servers(self) -> list[int]:
        """Processes of a server on this data; also of an initdb."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"{self.home}/" in (process / "cmdline").read_text().replace("\0", " "):
                    found.append(int(process.name))
            except OSError:
                continue
        return found
