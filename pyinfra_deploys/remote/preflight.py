"""What the host is, before anything is changed on it."""

from __future__ import annotations

import glob
import os
import platform
import re
import shutil
import subprocess
import tempfile
from typing import Any

from pgdeploy.local.nofollow import open_folder
from pyinfra_deploys.remote.block import disk_fault, disk_state
from pyinfra_deploys.remote.whole import entry_of, state_of


def main(question: dict[str, Any]) -> dict[str, Any]:
    release = _os_release()
    return {
        "os": release.get("ID", ""),
        "codename": release.get("VERSION_CODENAME", ""),
        "pretty": release.get("PRETTY_NAME", "no known system"),
        "machine": platform.machine(),
        "apt": shutil.which("apt-get") is not None,
        "systemd": os.path.isdir("/run/systemd/system"),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "free": {path: shutil.disk_usage(_existing(path)).free for path in question["free"]},
        "mounted": {path: os.path.ismount(path) for path in question["mounts"]},
        "disks": {disk["name"]: _disk(disk) for disk in question["disks"]},
        "clusters": _clusters(),
        "data": _data(question["data_directory"]),
        "texts": {path: _text(path) for path in question["texts"]},
        "no_sysctl": [name for name in question["sysctl"] if not os.path.exists(_sysctl(name))],
        "no_zone": question["zone"] is not None and not _has_zone(question["zone"]),
        "docker": _docker() if question["docker"] else "",
        "client": os.environ.get("SSH_CONNECTION", "").split(" ")[0],
        "trial": _trial(question["trial"]) if question.get("trial") else "",
    }


def _disk(disk: dict[str, Any]) -> dict[str, Any]:
    """Why a disk cannot be used, and whether it is in its place already."""
    found = disk_state(disk)
    return {"fault": disk_fault(disk, found), "mounted": found["over"] is not None}


def _sysctl(name: str) -> str:
    return "/proc/sys/" + name.translate({ord("."): "/", ord("/"): "."})


def _has_zone(zone: str) -> bool:
    """Where there are no zones at all yet, the package tzdata may bring it."""
    folder = "/usr/share/zoneinfo/"
    return not os.path.isdir(folder) or os.path.exists(folder + zone)


def _os_release() -> dict[str, str]:
    found = {}
    for line in (_text("/etc/os-release") or "").splitlines():
        key, _, value = line.partition("=")
        found[key] = value.strip('"')
    return found


def _text(path: str) -> str | None:
    try:
        state = state_of(path)
    except OSError:
        return None
    return state[0] if state is not None else None


def _existing(path: str) -> str:
    """The path, or its nearest parent that is there: the file system that it will be on."""
    path = os.path.abspath(path)
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def _clusters() -> list[dict[str, str]]:
    """Every cluster that Debian's tools know: its version, name and data directory."""
    found = []
    for path in glob.glob("/etc/postgresql/*/*/postgresql.conf"):
        version, name = path.split("/")[3:5]
        data = re.search(r"(?m)^\s*data_directory\s*=\s*'([^']*)'", _text(path) or "")
        found.append({"version": version, "name": name, "data": data.group(1) if data else ""})
    return found


def _data(path: str) -> dict[str, Any]:
    """What the data directory holds; nothing, when initdb of ours was cut short in it (see cluster.py)."""
    if entry_of(path + ".pgdeploy-initdb") is not None:
        return {"there": True, "version": "", "names": []}
    try:
        with open_folder(path) as folder:
            names = sorted(name for name in folder.names() if name != "lost+found")
    except FileNotFoundError:
        return {"there": False, "version": "", "names": []}
    except NotADirectoryError:
        return {"there": True, "version": "", "names": [os.path.basename(path) + " is a file"]}
    version = (_text(path + "/PG_VERSION") or "").strip()
    return {"there": True, "version": version if version.isdigit() else "", "names": names[:5]}


def _docker() -> str:
    """What is not right with docker and its compose; nothing when both answer."""
    for words in (["docker", "compose", "version"], ["docker", "version", "--format", "{{.Server.Version}}"]):
        if shutil.which(words[0]) is None:
            return "there is no docker"
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or "it failed").splitlines()
            return " ".join(words[:2]) + ": " + said[0]
    return ""


def _trial(trial: dict[str, Any]) -> str:
    """Why apt would not take this source; read into a folder of its own, so that nothing is changed."""
    with tempfile.TemporaryDirectory(prefix="pgdeploy-") as folder:
        os.chmod(folder, 0o755)
        text = trial["source"]
        if trial["key"] is not None:
            _write(folder + "/key.asc", trial["key"])
            text = re.sub(r"(?m)^Signed-By: .*$", "Signed-By: " + folder + "/key.asc", text)
        _write(folder + "/trial.sources", text)
        os.makedirs(folder + "/lists/partial")
        options = {
            "Dir::Etc::sourcelist": folder + "/trial.sources",
            "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": folder + "/lists",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "APT::Update::Error-Mode": "any",
            "APT::Sandbox::User": "root",
            "Acquire::Retries": "0",
            "Acquire::http::Timeout": "20",
            "Acquire::https::Timeout": "20",
        }
        words = [word for key, value in options.items() for word in ("-o", key + "=" + value)]
        done = subprocess.run(["apt-get", *words, "update"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return ""
        said = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))]
        return "; ".join(line[3:].strip() for line in said[:2]) or "apt-get update failed"


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o644)
