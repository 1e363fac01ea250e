"""lint, schema, collection and the inventory run nothing, open no connection, and read the specs only.

Python itself is asked: an audit hook is told of every file, process and connection. The spec has a trap wherever a
spec can name a command or a file: one that makes a file, or a pipe, at which a reader would wait for ever.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SPEC = """\
extends: base
postgres: 16
connect:
  ssh: {host: db.example.org, user: root, config: TRAPS/ssh_config, key: TRAPS/pipe, known_hosts: TRAPS/pipe}
settings:
  archive_mode: on
  archive_command: touch TRAPS/ran
  ssl_passphrase_command: touch TRAPS/ran
  shared_preload_libraries: [TRAPS/pipe]
host:
  packages: {source: {uri: 'https://apt.example.org', suite: x, key: TRAPS/pipe}}
  tls: {certificate: TRAPS/pipe, key: {command: [touch, TRAPS/ran]}}
vm:
  proxmox:
    host: pve.example.org
    user: a@pve
    token: deploy
    secret: {command: [touch, TRAPS/ran]}
    ca: TRAPS/pipe
  id: 100
  name: db
  node: pve
  template: 101
  cores: 2
  memory: 4GB
  disks: {scsi0: {storage: local, size: 10GB}}
  network: {bridge: vmbr0, address: 192.0.2.8/24}
  cloud_init: {ssh_keys: [TRAPS/pipe]}
roles:
  app: {login: true, password: {command: [touch, TRAPS/ran]}}
  other: {login: true, password: {file: TRAPS/pipe}}
"""
BASE = "roles: {postgres: {superuser: true, login: true}}\n"
OF_DSN = """\
extends: base
postgres: 16
connect: {dsn: 'service=x passfile=TRAPS/pipe sslkey=TRAPS/pipe sslcert=TRAPS/pipe sslrootcert=TRAPS/pipe'}
"""
SSH_CONFIG = """\
Match exec "touch TRAPS/ran"
Host *
  ProxyCommand touch TRAPS/ran
  KnownHostsCommand touch TRAPS/ran
"""

WATCH = """\
import json, os, sys
seen = []
def hook(event, arguments):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"):
        seen.append(["runs", str(arguments)])
    elif event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        seen.append(["connects", str(arguments[-1])])
    elif event == "open" and isinstance(arguments[0], (str, bytes)) and "r" in (arguments[1] or "r"):
        seen.append(["reads", os.path.abspath(os.fsdecode(arguments[0]))])
sys.addaudithook(hook)
code = None
try:
    %s
except SystemExit as ended:
    code = ended.code
seen, found = [], seen
print("\\n" + json.dumps([code, found]))
"""

CLI = "import sys; sys.argv = ['pgdeploy', *{!r}.split()]; from pgdeploy.cli import main; main()"
COLLECT = "import pytest; code = int(pytest.main(['--target', '*', '--collect-only', '-q', '-p', 'no:cacheprovider', '-p', 'no:benchmark']))"  # noqa: E501
CASES = {
    "lint": CLI.format("lint *"),
    "lint, and refuse": CLI.format("lint * --no-commands"),
    "explain": CLI.format("lint --explain PGD101"),
    "schema": CLI.format("schema"),
    "collection": COLLECT,
    "inventory": "import pyinfra_deploys.targets",
    "inventory.py": f"import runpy; runpy.run_path({str(ROOT / 'inventory.py')!r})",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    specs, traps = tmp_path / "specs", tmp_path / "traps"
    specs.mkdir()
    traps.mkdir()
    os.mkfifo(traps / "pipe")
    for file, text in (
        (specs / "base.yaml", "postgres: 16\n" + BASE),
        (specs / "server.yaml", SPEC),
        (specs / "dsn.yaml", OF_DSN),
        (traps / "ssh_config", SSH_CONFIG),
    ):
        file.write_text(text.replace("TRAPS", str(traps)))
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_run_and_only_specs_are_read(home: Path, case: str) -> None:
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("PGDEPLOY_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-c", WATCH % CASES[case]],
        cwd=home,
        env={**ours, "HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout, done.stderr
    code, seen = json.loads(done.stdout.splitlines()[-1])
    assert (code or 0) == (1 if case == "lint, and refuse" else 0), done.stderr
    assert not [what for kind, what in seen if kind != "reads"]
    reads = {Path(what) for kind, what in seen if kind == "reads"}
    below = {path.relative_to(home) for path in reads if path.is_relative_to(home)}
    assert {path for path in below if path.parts[0] != "specs"} == set()
    assert not (home / "traps" / "ran").exists()
    elsewhere = [path for path in reads - {home / path for path in below} if not _is_of_python(path)]
    assert elsewhere == []


def _is_of_python(path: Path) -> bool:
    """Programs, their data, and what the machine says of itself."""
    prefixes = (
        sys.prefix,
        sys.base_prefix,
        "/usr/",
        "/proc/",
        "/sys/",
        "/dev/null",
        "/dev/urandom",
        str(ROOT),
    )
    # where pytest keeps what is printed
    temporary = Path(tempfile.gettempdir())
    return str(path).startswith(prefixes) or path == temporary or path.parent == temporary
