"""pyinfra's inventory: every target in specs/ that has a host and says how ssh reaches it.

PGDEPLOY_SPECS names another folder of specs, PGDEPLOY_SSH_CONFIG an ssh_config file that says how to reach the
hosts, as `--ssh-config` does for the gate. What ssh itself makes of options and files is asked of `ssh -G`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pgdeploy.connection.login import effective, ssh_options
from pgdeploy.deploy import THROW_AWAY
from pgdeploy.errors import SpecError, TargetError
from pgdeploy.resources.spec import Ssh
from pgdeploy.target import SSH_CONFIG, load_target, specs_folder


def inventory() -> list[tuple[str, dict[str, Any]]]:
    """Every target with a host, and pyinfra's data for it.

    Raises:
        SystemExit: a spec does not load, or none has a host.
    """
    found = []
    for file in sorted(specs_folder().glob("*.yaml")):
        if file.stem.startswith("_"):
            continue
        try:
            target = load_target(file)
        except SpecError as error:
            raise SystemExit("\n".join(error.problems)) from None
        ssh = target.spec.ssh
        if ssh is None and SSH_CONFIG in os.environ:
            # the file says how to reach it, by the target's name: a throw-away host, say
            ssh = Ssh(host=target.name)
        if target.spec.host is not None and ssh is not None:
            found.append((target.name, {"spec_file": str(file.absolute()), **_data(ssh)}))
    if not found:
        raise SystemExit(f"no target in {specs_folder()}{os.sep} has `host:` and `connect: {{ssh: ...}}`")
    return found


def _data(ssh: Ssh) -> dict[str, Any]:
    """How pyinfra reaches it: never a question, never an unknown host."""
    config = os.environ.get(SSH_CONFIG) or ssh.config
    options = ssh_options(config=config) if SSH_CONFIG in os.environ else ssh_options(**ssh.options)
    try:
        said = effective(ssh.host, options)
    except TargetError as error:
        raise SystemExit(str(error)) from None
    data: dict[str, Any] = {
        "ssh_hostname": said["hostname"][0],
        "ssh_user": said["user"][0],
        "ssh_port": int(said["port"][0]),
        "ssh_strict_host_key_checking": "yes",
        "throw_away": THROW_AWAY in os.environ,
        # a user who is not root does everything by sudo
        "_sudo": said["user"][0] != "root",
    }
    if "hostkeyalias" in said:
        raise SystemExit(
            f"{ssh.host}: pyinfra's ssh knows no HostKeyAlias; write the key for {said['hostname'][0]} itself into "
            "known_hosts"
        )
    known = [Path(name).expanduser() for name in " ".join(said["userknownhostsfile"]).split()]
    if existing := [name for name in known if name.exists()]:
        data["ssh_known_hosts_file"] = str(existing[0])
    if len(said["identityfile"]) == 1:
        data |= {"ssh_key": str(Path(said["identityfile"][0]).expanduser()), "ssh_allow_agent": False}
        data["ssh_look_for_keys"] = False
    if config is not None:
        data["ssh_config_file"] = str(config)
    return data


postgres = inventory()
