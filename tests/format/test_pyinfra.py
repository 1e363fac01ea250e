"""The pyinfra that is installed hands a name to a command as one word: the oldest that is allowed must do so too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

OPERATIONS = """\
from pyinfra.operations import apt, files, server, systemd

name = "/proc/no/x; touch {made}-%s;"
server.user(user=name % "user", ensure_home=False, _ignore_errors=True)
apt.packages(packages=[name % "package"], _ignore_errors=True)
systemd.service(service=name % "service", _ignore_errors=True)
files.directory(path=name % "path", _ignore_errors=True)
server.shell(commands=["touch {made}-end"])
"""


def test_a_name_is_no_command(tmp_path: Path) -> None:
    file = tmp_path / "names.py"
    file.write_text(OPERATIONS.format(made=tmp_path / "made"))
    subprocess.run(
        [sys.executable, "-m", "pyinfra", "-y", "@local", str(file)],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    assert [path.name for path in tmp_path.glob("made-*")] == ["made-end"]
