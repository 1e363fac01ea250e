"""pyinfra's inventory: every target in specs/ that has a host and says how ssh reaches it.

PGDEPLOY_SPECS names another folder of specs, PGDEPLOY_SSH_CONFIG an ssh_config file that says how to reach the
hosts, as `--ssh-config` does for the gate. What ssh itself makes of options and of the operator's own files is asked
of `ssh -G`. Of an ssh_config that a spec names it is not asked, as that would run its `Match exec`, and to list hosts
runs nothing that a spec says: such a file is read when pyinfra connects.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from pgdeploy.errors import PgdeployError, TargetError
from pgdeploy.gate.confine import confine
from pgdeploy.gate.connect import require_ssh_name
from pgdeploy.gate.deploy import THROW_AWAY
from pgdeploy.gate.target import SSH_CONFIG, load_target, specs_folder
from pgdeploy.model.connect import Ssh
from pgdeploy.reach.login import effective, ssh_options


def inventory() -> list[tuple[str, dict[str, Any]]]:
    """Every target with a host, and pyinfra's data for it.

    One that cannot be used is left out and said on stderr: it is no reason not to deploy the others.

    Raises:
        SystemExit: none has a host that can be used.
    """
    found, problems = [], []
    for file in sorted(specs_folder().glob("*.yaml")):
        if file.stem.startswith("_"):
            continue
        try:
            found += _host_of(file)
        except PgdeployError as error:
            problems += [*error.lines, f"{file.stem} is left out of the inventory"]
    if not found:
        nobody = f"no target in {specs_folder()}{os.sep} has `host:` and `connect: {{ssh: ...}}`"
        raise SystemExit("\n".join(problems or [nobody]))
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return found


def _host_of(file: Path) -> list[tuple[str, dict[str, Any]]]:
    """The host of one spec, if it has one. Raises PgdeployError where it cannot be used."""
    target = load_target(file)
    confine(target, "live", way_given=SSH_CONFIG in os.environ)
    ssh = target.spec.ssh
    if ssh is None and SSH_CONFIG in os.environ:
        # the file says how to reach it, by the target's name: a throw-away host, say
        ssh = Ssh(host=require_ssh_name(target))
    if target.spec.host is None or ssh is None:
        return []
    return [(target.name, {"spec_file": str(file.absolute()), **_data(ssh)})]


def _data(ssh: Ssh) -> dict[str, Any]:
    """How pyinfra reaches it: never a question, never an unknown host."""
    data: dict[str, Any] = {"ssh_strict_host_key_checking": "yes", "throw_away": THROW_AWAY in os.environ}
    config = os.environ.get(SSH_CONFIG)
    if config is None and ssh.config is not None:
        return data | _written(ssh)
    options = ssh_options(**ssh.options) if config is None else ssh_options(config=config)
    return data | _known(ssh.host, options) | ({} if config is None else {"ssh_config_file": config})


def _written(ssh: Ssh) -> dict[str, Any]:
    """What the spec says by itself, beside its ssh_config. Who logs in may stand there: see `this.settle_login`."""
    data: dict[str, Any] = {"ssh_hostname": ssh.host, "ssh_config_file": ssh.config}
    data |= {"ssh_user": ssh.user, "_sudo": ssh.user != "root"} if ssh.user is not None else {}
    data |= {"ssh_port": ssh.port} if ssh.port is not None else {}
    data |= {"ssh_known_hosts_file": ssh.known_hosts} if ssh.known_hosts is not None else {}
    return data | (_key(ssh.key) if ssh.key is not None else {})


def _key(file: str) -> dict[str, Any]:
    """This key and no other."""
    return {
        "ssh_key": str(Path(file).expanduser()),
        "ssh_allow_agent": False,
        "ssh_look_for_keys": False,
    }


def _known(host: str, options: list[str]) -> dict[str, Any]:
    """What ssh makes of the options and the operator's files. Raises TargetError."""
    said = effective(host, options)
    data: dict[str, Any] = {
        "ssh_hostname": said["hostname"][0],
        "ssh_user": said["user"][0],
        "ssh_port": int(said["port"][0]),
        # a user who is not root does everything by sudo
        "_sudo": said["user"][0] != "root",
    }
    if "hostkeyalias" in said:
        raise TargetError(
            f"{host}: pyinfra's ssh knows no HostKeyAlias; write the key for {said['hostname'][0]} itself into "
            "known_hosts"
        )
    known = [Path(name).expanduser() for name in " ".join(said["userknownhostsfile"]).split()]
    if existing := [name for name in known if name.exists()]:
        data["ssh_known_hosts_file"] = str(existing[0])
    if len(said["identityfile"]) == 1:
        data |= _key(said["identityfile"][0])
    return data


postgres = inventory()
