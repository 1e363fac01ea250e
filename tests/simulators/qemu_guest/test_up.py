"""From a template to a green gate in one command, on a virtual machine: with what no container can be asked.

Without KVM each instruction of the machine is emulated, and all of this takes MINUTES: only when asked for.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulators.proxmox.guest import AgentAbsent
from tests.simulators.qemu_guest.site import Site, site

pytestmark = pytest.mark.long

SCSI1 = "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive-scsi1"

ONLY_HERE = (
    *("guest[cpus].number", "guest[memory].size", "guest[scsi0].size", "guest[scsi1].size"),
    *("guest[scsi1].mounted", "guest[scsi1].boot", "guest[scsi1].grown"),
    *("sysctl[vm.swappiness].value", "kernel[huge_pages].number", "kernel[transparent_huge_pages].value"),
    "clock[time].synchronised",
)
"""What a container's gate does not say, or says of what stands for the hardware."""

NOT_ASKED = {
    f"role[{role}].{field}"
    for role in ("postgres", "postgres_exporter", "app")
    for field in ("logs_in", "refuses_wrong_password")
}
"""Over ssh the gate comes in by peer, and no password is asked for; `hba[outside]` tries from where it runs."""


@pytest.fixture(scope="module")
def up(machines: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The target after `pgdeploy up`, from nothing but the template."""
    with site(tmp_path_factory.mktemp("home")) as made:
        done = made.run("pgdeploy", "up", "prod-pg01")
        assert done.returncode == 0, done.stdout + done.stderr + made.lab.guests[2002].console[-5000:]
        made.said, made.printed = done.stderr, done.stdout
        yield made


def findings(up: Site, folder: Path, *words: str) -> dict[str, str]:
    """The verdicts of a gate, by check."""
    done = up.gate(f"--pgdeploy-report={folder}/report.json", *words)
    assert (folder / "report.json").exists(), done.stdout + done.stderr
    (report,) = json.loads((folder / "report.json").read_text())["targets"]
    return {finding["id"]: finding["verdict"] for finding in report["findings"]}


def red(verdicts: dict[str, str]) -> set[str]:
    return {check for check, verdict in verdicts.items() if verdict in ("drifts", "unreadable")}


def restarted(up: Site, boots: str) -> None:
    """Wait for another boot than this one."""
    end = time.monotonic() + 300
    while True:
        try:
            if up.guest("cat /proc/sys/kernel/random/boot_id") != boots:
                break
        except AgentAbsent:
            pass
        assert time.monotonic() < end, up.lab.guests[2002].console[-3000:]
        time.sleep(1)
    up.guest("timeout 200 systemctl is-system-running --wait || true")


def test_the_gate_is_green_and_asks_everything(up: Site, tmp_path: Path) -> None:
    verdicts = findings(up, tmp_path)
    assert {check for check, verdict in verdicts.items() if verdict != "conforms"} == NOT_ASKED
    for check in ONLY_HERE:
        assert verdicts[check] == "conforms", check


def test_again_changes_nothing(up: Site) -> None:
    before = len(up.proxmox.tasks)
    done = up.run("pyinfra", "inventory.py", "pyinfra_deploys/pg01.py", "-y")
    assert done.returncode == 0, done.stdout + done.stderr
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    assert re.search(r"Grand total\s+\d+\s+-\s+-", said), said
    assert "nothing to do" in up.done("vm", "plan", "prod-pg01").lower()
    assert len(up.proxmox.tasks) == before


def test_what_is_broken_inside_turns_red_and_is_mended(up: Site, tmp_path: Path) -> None:
    up.guest("sysctl -q -w vm.swappiness=60 && echo always >/sys/kernel/mm/transparent_hugepage/enabled")
    up.guest("sed -i '\\#/mnt/data#d' /etc/fstab && timedatectl set-timezone Asia/Tokyo")
    up.guest("systemctl -q disable --now prometheus-postgres-exporter")
    drifting = red(findings(up, tmp_path))
    assert drifting >= {
        *("sysctl[vm.swappiness].value", "kernel[transparent_huge_pages].value"),
        *("guest[scsi1].boot", "clock[time_zone].value", "service[prometheus-postgres-exporter].active"),
    }
    assert all(
        re.match(r"sysctl|kernel|guest\[scsi1\]|clock|service\[prom|exporter|socket", it) for it in drifting
    )
    up.done("up", "prod-pg01")
    assert red(findings(up, tmp_path)) == set()


def test_a_disk_that_grows_while_it_runs(up: Site, tmp_path: Path) -> None:
    """Linux sees it at once, and ext4 takes it while PostgreSQL writes to it."""
    started = up.guest("systemctl show -P MainPID postgresql@15-main")
    text = up.file.read_text()
    up.file.write_text(text.replace("local-zfs, size: 2GB", "local-zfs, size: 3GB"))
    up.done("vm", "apply", "prod-pg01", "--yes")
    up.lab.guests[2002].resize("scsi1", 3 << 30)  # as Proxmox does itself, in the request
    assert red(findings(up, tmp_path)) == {"guest[scsi1].grown", "deployment[record].spec"}
    up.done("up", "prod-pg01")
    assert red(findings(up, tmp_path)) == set()
    assert int(up.guest("df --output=size -BM /mnt/data | tail -1").strip().removesuffix("M")) > 2800
    assert up.guest("systemctl show -P MainPID postgresql@15-main") == started


def test_a_real_reboot_brings_everything_back(up: Site, tmp_path: Path) -> None:
    boot = up.guest("cat /proc/sys/kernel/random/boot_id")
    up.guest("systemd-run -q --on-active=1 systemctl reboot")
    restarted(up, boot)
    assert red(findings(up, tmp_path)) == set()


def test_a_disk_that_is_away(up: Site, tmp_path: Path) -> None:
    """The machine boots and lets us in; PostgreSQL does not start on an empty mount point. And one made smaller
    by hand is told by both sides.
    """
    machine = up.proxmox.vm(2002)
    up.done("vm", "stop", "prod-pg01")
    before = dict(machine.config)
    machine.config["sockets"] = "1"
    del machine.config["scsi1"]
    up.done("vm", "start", "prod-pg01")
    up.guest("timeout 200 systemctl is-system-running --wait || true")
    assert up.guest("systemctl is-active postgresql@15-main || true") in ("inactive", "failed")
    assert up.guest("ls -A /mnt/data") == ""
    verdicts = findings(up, tmp_path)
    assert {"guest[cpus].number", "guest[scsi1].size", "vm[proj-pg01].sockets"} <= red(verdicts)
    assert verdicts["guest[memory].size"] == "conforms"

    up.done("vm", "stop", "prod-pg01")
    machine.config["scsi1"], machine.config["sockets"] = before["scsi1"], before["sockets"]
    up.done("vm", "start", "prod-pg01")
    up.guest("timeout 200 systemctl is-system-running --wait || true")
    assert red(findings(up, tmp_path)) == set()
