"""A user's home with an ssh key and a spec, for a VM that is real inside: what is typed there, and what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.host.machine import ROOT, SECRETS
from tests.simulators.proxmox.simulator import Simulator
from tests.vm.site import SECRET


@dataclass
class Home:
    """Nobody has been told any host key. `timeout` is in seconds, for one command."""

    proxmox: Simulator
    home: Path
    timeout: float = 400
    environment: Mapping[str, str] = field(default_factory=dict)
    """More of it, for every command."""
    said: str = ""
    """What `pgdeploy up` told on its way, and what it printed."""
    printed: str = ""

    def __post_init__(self) -> None:
        self._secret = self.proxmox.token()
        self.known_hosts.parent.mkdir(mode=0o700)
        self.file.parent.mkdir()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)

    @property
    def file(self) -> Path:
        return self.home / "specs" / "prod-pg01.yaml"

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    @property
    def key(self) -> Path:
        return self.known_hosts.with_name("id_ed25519")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of the user's machine, with no other help than the spec."""
        environment = {
            **{key: text for key, text in os.environ.items() if not key.startswith("PGDEPLOY_")},
            **SECRETS,
            SECRET: self._secret,
            "PGDEPLOY_SPECS": str(self.file.parent),
            **self.environment,
        }
        return subprocess.run(
            [sys.executable, "-m", *words],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=self.timeout,
        )

    def gate(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("pytest", "-p", "no:cacheprovider", "-q", "-rN", "--target=prod-pg01", *words)
