"""Every step of the deploy goes through pyinfra itself, on this machine and without a change: --dry."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

SPEC = """
postgres: 15
host:
  packages: {source: pgdg}
  kernel: {sysctl: {vm.swappiness: 1}}
  limits: {open_files: 65536}
  time_zone: Etc/UTC
  locale: en_US.UTF-8
  time_sync: chrony
  tls: {self_signed: true, names: [pg.example.org]}
  exporter: {listen: '127.0.0.1:9187'}
roles:
  app: {login: true}
  postgres_exporter: {login: true, member_of: [pg_monitor]}
"""
"""No firewall: pyinfra asks a running systemd for its service, and none may run here."""

STEPS = (
    *("Package source", "Packages", "Kernel and operating system", "Locale", "Cluster", "TLS"),
    *("Configuration", "SQL state", "Exporter", "Deployment record"),
)


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="the deploy is for Debian and Ubuntu")
def test_every_step_can_be_planned(tmp_path: Path) -> None:
    text = (ROOT / "pyinfra_deploys/pg01.py").read_text(encoding="utf-8")
    deploy, spec = tmp_path / "deploy.py", tmp_path / "this.yaml"
    assert "codename = preflight()" in text
    deploy.write_text(text.replace("preflight()", "'bookworm'"))
    spec.write_text(SPEC)
    words = ["@local", "--data", f"spec_file={spec}", "--data", "ssh_user=root", str(deploy), "--dry"]
    done = subprocess.run(
        [sys.executable, "-m", "pyinfra", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        text=True,
        check=False,
    )
    said = done.stdout
    assert done.returncode == 0, said
    assert "Detected changes" in said
    assert [step for step in STEPS if f"{step} | " not in said] == []
