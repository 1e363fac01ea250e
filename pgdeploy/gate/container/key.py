"""The way into a throw-away host by ssh: a key of its own, its host key, and an ssh_config that says so.

Nothing is trusted that came over the network: the engine itself gives the host key.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pgdeploy.gate.container.docker import docker
from pgdeploy.reach.keygen import keygen

_HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
_AUTHORIZE = "umask 077 && mkdir -p /root/.ssh && cat >/root/.ssh/authorized_keys"


def write_ssh_config(container: str, port: int, names: Iterable[str], folder: Path) -> Path:
    """Let a new key in and write the ssh_config by which `names` are this container, into a private folder.

    Raises:
        TargetError: the container or ssh-keygen refuses.
    """
    key, known_hosts, config = folder / "key", folder / "known_hosts", folder / "ssh_config"
    keygen("-q", "-t", "ed25519", "-N", "", "-C", "pgdeploy", "-f", str(key))
    docker("exec", "-i", container, "sh", "-c", _AUTHORIZE, stdin=key.with_suffix(".pub").read_text())
    host_key = " ".join(docker("exec", container, "cat", _HOST_KEY).split()[:2])
    known_hosts.write_text(f"[127.0.0.1]:{port} {host_key}\n")
    config.write_text(
        f"Host {' '.join(dict.fromkeys(names))}\n"
        f"  HostName 127.0.0.1\n  Port {port}\n  User root\n"
        f'  IdentityFile "{key}"\n  IdentitiesOnly yes\n'
        f'  UserKnownHostsFile "{known_hosts}"\n  GlobalKnownHostsFile /dev/null\n'
        # or another host's key, known under the same name, would do too
        f"  StrictHostKeyChecking yes\n  CheckHostIP no\n  HostKeyAlgorithms ssh-ed25519\n"
    )
    return config
