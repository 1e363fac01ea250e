"""From a template to a green gate in one command, and back: VM, host and SQL, on a real guest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators.proxmox_guest.conftest import engine
from tests.simulators.proxmox_guest.growing import MAY_GROW
from tests.vm.real import Real, real

__all__ = ["engine"]

pytestmark = [pytest.mark.docker, pytest.mark.long]


@pytest.fixture(scope="module")
def up(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """The target after `pgdeploy up`, from nothing but the template."""
    with real(tmp_path_factory.mktemp("home")) as site:
        done = site.run("pgdeploy", "up", "prod-pg01")
        assert done.returncode == 0, done.stdout + done.stderr
        site.said = done.stderr
        site.printed = done.stdout
        yield site


def conform(printed: str) -> tuple[int, int]:
    """How many checks conform and drift, by the closing line."""
    found = re.search(r"(\d+) conform, (\d+) drift", printed)
    assert found, printed
    return int(found[1]), int(found[2])


def findings(up: Real, folder: Path, *words: str) -> dict[str, str]:
    """The verdicts of a gate, by check."""
    up.gate(f"--pgdeploy-report={folder}/report.json", *words)
    (report,) = json.loads((folder / "report.json").read_text())["targets"]
    return {finding["id"]: finding["verdict"] for finding in report["findings"]}


def test_it_says_where_it_is(up: Real) -> None:
    said = up.said.splitlines()
    marks = (
        "clone template 9000",
        "start it",
        "by the guest agent",
        "Cluster",
        "SQL state",
        "Deployment record",
    )
    places = [next(n for n, line in enumerate(said) if mark in line) for mark in marks]
    assert places == sorted(places)
    assert conform(up.printed) > (200, 0)
    assert "drift remains" not in up.printed


def test_the_gate_is_green_on_all_floors(up: Real, tmp_path: Path) -> None:
    verdicts = findings(up, tmp_path)
    assert set(verdicts.values()) == {"conforms", "inapplicable"}
    for check in (
        *("vm[proj-pg01].made", "vm_network[net0].reported", "guest[scsi1].size", "guest[scsi1].mounted"),
        *("mount[/mnt/data].mounted", "service[postgresql@15-main].active", "role[app].login"),
    ):
        assert verdicts[check] == "conforms", check


def test_again_changes_nothing(up: Real) -> None:
    before = len(up.proxmox.tasks)
    done = up.run("pgdeploy", "up", "prod-pg01")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(up.proxmox.tasks) == before
    assert "clone" not in done.stderr


def test_pyinfra_reaches_it_by_the_spec_alone(up: Real) -> None:
    done = up.run("pyinfra", "inventory.py", "pyinfra_deploys/pg01.py", "-y")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(
        r"Grand total\s+\x1b?\S*\s*\d+\s+-\s+-", re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    )


def test_the_disk_is_where_the_spec_says(up: Real) -> None:
    assert up.guest("findmnt -no SOURCE,FSTYPE /mnt/data").split()[1] == "ext4"
    device = up.guest("readlink -f /dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive-scsi1")
    assert up.guest("findmnt -no SOURCE /mnt/data") == device


def test_what_is_broken_in_proxmox_turns_red(up: Real, tmp_path: Path) -> None:
    config = up.proxmox.vm(2002).config
    config["cores"] = "1"
    try:
        verdicts = findings(up, tmp_path)
        red = {check for check, verdict in verdicts.items() if verdict not in ("conforms", "inapplicable")}
        assert red == {"vm[proj-pg01].cores", "vm[proj-pg01].vcpus"}
    finally:
        config["cores"] = "2"


def test_a_stopped_vm_is_one_red_check(up: Real, tmp_path: Path) -> None:
    """What is beyond it is not asked: no wall of errors that have one cause."""
    done = up.run("pgdeploy", "vm", "stop", "prod-pg01")
    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = findings(up, tmp_path)
    assert {check for check, verdict in verdicts.items() if verdict == "drifts"} == {"vm[proj-pg01].running"}
    assert "unreadable" not in verdicts.values()
    assert verdicts["role[app].login"] == "blocked"
    assert verdicts["service[postgresql@15-main].active"] == "blocked"

    done = up.run("pgdeploy", "vm", "start", "prod-pg01")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(findings(up, tmp_path).values()) == {"conforms", "inapplicable"}


def test_a_larger_disk_is_told_until_the_file_system_has_it(up: Real, tmp_path: Path) -> None:
    text = up.file.read_text()
    up.file.write_text(text.replace("local-zfs, size: 2GB", "local-zfs, size: 3GB"))
    done = up.run("pgdeploy", "vm", "apply", "prod-pg01", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "let scsi1 grow to 3GB" in done.stderr
    # a container sees a new size at its next start only, where a VM would see it at once
    for word in ("stop", "start"):
        assert up.run("pgdeploy", "vm", word, "prod-pg01").returncode == 0
    verdicts = findings(up, tmp_path)
    red = {check for check, verdict in verdicts.items() if verdict == "drifts"}
    assert red == {"guest[scsi1].grown", "deployment[record].spec"}
    done = up.run("pgdeploy", "up", "prod-pg01")
    if MAY_GROW:
        assert done.returncode == 0, done.stdout + done.stderr
        assert int(up.guest("df --output=size -BM /mnt/data | tail -1").strip().removesuffix("M")) > 2600
    else:  # a container that may not: it is said, and where it stopped
        assert done.returncode == 1
        assert "Permission denied to resize filesystem" in done.stderr
        assert "stopped at: deploy" in done.stderr


def test_a_new_vm_of_the_same_name_is_known_again(up: Real, tmp_path: Path) -> None:
    """Its host key is another: it is replaced, as the guest agent proves it."""
    refused = up.run("pgdeploy", "vm", "destroy", "prod-pg01", "--confirm", "proj-pg01")
    assert refused.returncode == 1
    assert "protected" in refused.stderr
    before = up.known_hosts.read_text()
    up.file.write_text(up.file.read_text().replace("protection: true", "protection: false"))
    assert up.run("pgdeploy", "vm", "apply", "prod-pg01", "--yes").returncode == 0
    done = up.run("pgdeploy", "vm", "destroy", "prod-pg01", "--confirm", "proj-pg01")
    assert done.returncode == 0, done.stdout + done.stderr
    assert 2002 not in up.proxmox.cluster.machines

    done = up.run("pgdeploy", "up", "prod-pg01")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is replaced" in done.stderr
    after = up.known_hosts.read_text()
    assert after != before
    assert len(after.splitlines()) == 1
    assert conform(done.stdout)[1] == 0
