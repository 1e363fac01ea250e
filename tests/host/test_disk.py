"""A disk of the VM on a real machine: a loop device under the name that QEMU gives it, through pg01.py and the gate."""

from __future__ import annotations

import re
import struct
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from subprocess import CompletedProcess

import pytest

from tests.host.breaking import red
from tests.host.machine import Machine, booted, deploy, deployed, pyinfra, run, said
from tests.host.test_deploy import planned, totals
from tests.host.texts import pg15, vm
from tests.simulators.proxmox_guest.growing import GROWING, MAY_GROW
from tests.simulators.proxmox_guest.loop import LoopDevice, why_no_loop_device

pytestmark = [
    pytest.mark.docker,
    pytest.mark.long,
    pytest.mark.skipif(bool(why_no_loop_device()), reason=why_no_loop_device()),
]

GB = 1 << 30
UNIT = "postgresql@15-main"
NAME = "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive-scsi1"
OPTIONS = ("--device-cgroup-rule", "b 7:* rmw", *GROWING)


def spec(size: str = "1GB") -> str:
    # no more memory than the machine that lends it to the container
    small = vm(size).replace("memory: 48GB", "memory: 1GB")
    return pg15().replace("cluster: {free", "cluster: {mount: /mnt/data, free") + small


def plug(machine: Machine, disk: LoopDevice) -> None:
    """The disk that the machine has as scsi1 from now on."""
    node = f"/dev/loop{disk.number}"
    machine.run(
        f"mkdir -p {NAME.rpartition('/')[0]} && {{ [ -b {node} ] || mknod -m 660 {node} b 7 {disk.number}; }}"
        f" && ln -sfn {node} {NAME}"
    )


@contextmanager
def plugged(machine: Machine, size: int = GB) -> Iterator[LoopDevice]:
    disk = LoopDevice(size)
    try:
        plug(machine, disk)
        yield disk
    finally:
        with suppress(AssertionError):
            machine.run(f"umount -q /mnt/data /srv; rm -f {NAME}", check=False)
        disk.close()


# -- a disk that holds something -----------------------------------------------------------------------

SNAPSHOT = (
    "dpkg-query -W; cat /etc/fstab; find /etc /mnt /var/lib/pgdeploy -newer /refused-since 2>/dev/null"
    " | grep -v -e '^/etc$' || true"
)


def lvm_label() -> str:
    """The first two sectors of a physical volume, in base64."""
    rest = struct.pack("<I8s32s", 32, b"LVM2 001", b"x" * 32).ljust(492, b"\0")
    crc = zlib.crc32(rest, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
    return b64encode(bytes(512) + struct.pack("<8sQI", b"LABELONE", 1, crc) + rest).decode()


FOREIGN = {
    "ext4": (
        "mkfs.ext4 -q {} && mount {} /srv && echo precious > /srv/notes && umount /srv",
        "holds ext4, and is left alone; if nothing on it is of worth: wipefs --all",
    ),
    "another's label": ("mkfs.ext4 -q -L backup {}", 'holds ext4 called "backup"'),
    "partitions": ("echo '1M,100M' | sfdisk -q --label gpt {}", "holds a partition table (gpt)"),
    "empty partition table": ("echo 'label: dos' | sfdisk -q {}", "holds a partition table (dos)"),
    "LVM": (f"echo {lvm_label()} | base64 -d | dd of={{}} conv=notrunc status=none", "holds LVM2_member"),
    "swap": ("mkswap -q {}", "holds swap"),
    "bytes": (
        "printf secret | dd of={} bs=1 seek=5000 conv=notrunc status=none",
        "holds data of no known kind",
    ),
    "bytes at its end": (
        "printf secret | dd of={} bs=1 seek=1073741000 conv=notrunc status=none",
        "holds data of no known kind",
    ),
}


TOOLS = "command -v mkfs.ext4 && command -v sfdisk && command -v mkfs.xfs"
INSTALL = (
    "DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends e2fsprogs fdisk xfsprogs"
)


@pytest.fixture(scope="module")
def bare_machine(bookworm: str) -> Iterator[Machine]:
    """With the tools by which disks are filled."""
    with booted(bookworm, options=OPTIONS) as found:
        found.run(f"{TOOLS} || {{ apt-get -qq update && {INSTALL} >/dev/null 2>&1; }}; touch /refused-since")
        found.spec(spec())
        yield found


def refused(machine: Machine) -> str:
    before = machine.run(SNAPSHOT)
    done = deploy(machine)
    told = said(done)
    assert done.returncode == 1, told
    assert "Traceback" not in told
    assert "Starting operation" not in told
    assert machine.run(SNAPSHOT) == before
    (line,) = [line for line in told.splitlines() if "refused, nothing is changed" in line]
    return line


@pytest.mark.parametrize("case", FOREIGN)
def test_what_a_disk_holds_is_left_alone(case: str, bare_machine: Machine) -> None:
    fill, reason = FOREIGN[case]
    with plugged(bare_machine):
        bare_machine.run(fill.replace("{}", NAME))
        before = bare_machine.run(f"sha256sum {NAME}")
        assert reason in refused(bare_machine)
        assert bare_machine.run(f"sha256sum {NAME}") == before


def test_no_such_disk(bare_machine: Machine) -> None:
    assert f"this machine has no disk scsi1 ({NAME}); `pgdeploy vm apply`" in refused(bare_machine)


def test_another_file_system_in_its_place(bare_machine: Machine) -> None:
    bare_machine.run("mkdir -p /mnt/data && mount -t tmpfs elsewhere /mnt/data")
    try:
        with_disk = LoopDevice(GB)
        plug(bare_machine, with_disk)
        assert "elsewhere is mounted at /mnt/data, where the spec wants disk scsi1" in refused(bare_machine)
    finally:
        bare_machine.run(f"umount /mnt/data; rmdir /mnt/data; rm -f {NAME}")
        with_disk.close()


def test_what_would_be_hidden(bare_machine: Machine) -> None:
    bare_machine.run("mkdir -p /mnt/data && echo precious > /mnt/data/notes")
    try:
        with plugged(bare_machine):
            assert "/mnt/data is not empty (notes), and disk scsi1 mounted there" in refused(bare_machine)
    finally:
        bare_machine.run("rm -r /mnt/data")


def test_a_dry_run_says_what_would_be_done(bare_machine: Machine) -> None:
    with plugged(bare_machine):
        before = bare_machine.run(f"sha256sum {NAME}; {SNAPSHOT}")
        told = said(run(pyinfra("--dry"), bare_machine))
        assert re.search(r"Disk scsi1: ext4 where there is nothing yet\s*\|?.* 1 ", told), told
        assert bare_machine.run(f"sha256sum {NAME}; {SNAPSHOT}") == before


# -- a disk of ours ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def disk() -> Iterator[LoopDevice]:
    found = LoopDevice(GB)
    yield found
    found.close()


@pytest.fixture(scope="module")
def machine(bookworm: str, disk: LoopDevice) -> Iterator[Machine]:
    """A bare machine with an empty disk, deployed."""
    with booted(bookworm, options=OPTIONS) as found:
        plug(found, disk)
        found.spec(spec())
        found.run("printf '# kept\\nproc /proc proc defaults 0 0' > /etc/fstab")
        deployed(found)
        yield found
        # or the loop device would outlive the test
        found.run(f"systemctl stop {UNIT}; umount /mnt/data", check=False)


def uuid(machine: Machine) -> str:
    return machine.run(f"blkid -p -o value -s UUID {NAME}")


def green(machine: Machine) -> None:
    """All that the gate asks conforms, but Proxmox, which there is none of."""
    assert {check: why for check, why in red(machine).items() if not check.startswith("vm")} == {}


def test_formatted_and_mounted(machine: Machine) -> None:
    assert machine.run(f"blkid -p -o value -s TYPE -s LABEL {NAME}") == "pgdeploy-scsi1\next4"
    assert machine.run("cat /etc/fstab").splitlines() == [
        "# kept",
        "proc /proc proc defaults 0 0",
        f"UUID={uuid(machine)} /mnt/data ext4 noatime,nofail 0 2",
    ]
    assert machine.run("stat -c %a:%U:%h /etc/fstab") == "644:root:1"
    assert "noatime" in machine.run("findmnt -no OPTIONS /mnt/data")
    assert machine.run(f"dumpe2fs -h {NAME} 2>/dev/null | grep 'Reserved block count'").endswith(" 0")
    assert machine.sql("SHOW data_directory") == "/mnt/data/pg01"
    assert "/mnt/data" in machine.run(f"systemctl show -p RequiresMountsFor --value {UNIT}")
    green(machine)


def test_the_second_run_changes_nothing(machine: Machine) -> None:
    before = machine.run("cat /etc/fstab; stat -c %i:%Y /etc/fstab")
    success, error, _ = totals(deployed(machine))
    assert (success, error) == ("-", "-")
    assert planned(machine) == {("-", "-")}
    assert machine.run("cat /etc/fstab; stat -c %i:%Y /etc/fstab") == before


BREAK = {
    "fstab": ("sed -i '/mnt.data/d' /etc/fstab", {"guest[scsi1].boot"}),
    "another line of fstab": ("sed -i 's/^UUID=[^ ]*/UUID=0000/' /etc/fstab", {"guest[scsi1].boot"}),
    "unmounted": (f"systemctl stop {UNIT} && umount /mnt/data", {"guest[scsi1].mounted"}),
    "the drop-in": (
        f"rm /etc/systemd/system/{UNIT}.service.d/pgdeploy-disks.conf",
        {f"file[/etc/systemd/system/{UNIT}.service.d/pgdeploy-disks.conf].exists"},
    ),
}


@pytest.mark.parametrize("case", BREAK)
def test_broken_by_hand(case: str, machine: Machine) -> None:
    breaking, expected = BREAK[case]
    machine.sql("CREATE TABLE IF NOT EXISTS kept (i int)")
    machine.run(breaking)
    found = {check: why for check, why in red(machine).items() if not check.startswith("vm")}
    beside = (
        {f"service[{UNIT}].active", "exporter[postgres_exporter].pg_up"} if case == "unmounted" else set()
    )
    assert set(found) - beside == expected, found
    deployed(machine)
    green(machine)
    assert machine.sql("SELECT count(*) FROM kept") == "0"


def test_another_disk_in_its_place(machine: Machine) -> None:
    """The gate says it; pg01.py does not take away what is mounted, and does it when somebody else has."""
    machine.run(f"systemctl stop {UNIT} && umount /mnt/data && mount -t tmpfs wrong /mnt/data")
    try:
        found = red(machine)
        assert "guest[scsi1].mounted" in found
        assert "wrong is mounted at /mnt/data" in found["guest[scsi1].mounted"]
        assert "unmount it first" in refused_here(machine)
    finally:
        machine.run("umount /mnt/data")
    deployed(machine)
    green(machine)


def refused_here(machine: Machine) -> str:
    done = deploy(machine)
    assert done.returncode == 1
    return said(done)


def test_without_its_disk_the_server_does_not_start(machine: Machine) -> None:
    """As at boot when the disk is away; systemd reads no disks from fstab in a container, so it is told of one."""
    machine.run(f"systemctl stop {UNIT} && umount /mnt/data")
    file = "/run/systemd/system/mnt-data.mount"
    unit = "[Mount]\nWhat=/dev/disk/by-uuid/away\nWhere=/mnt/data\nType=ext4\n"
    machine.run(f"mkdir -p {file.rpartition('/')[0]} && cat > {file} && systemctl daemon-reload", stdin=unit)
    try:
        machine.run(f"systemctl start {UNIT}", check=False)
        assert machine.run(f"systemctl is-active {UNIT}", check=False) != "active"
        assert "Dependency failed for" in machine.run(f"journalctl -u {UNIT} -n 5 --no-pager")
        assert machine.run("ls /mnt/data") == ""
    finally:
        machine.run(f"rm {file} && systemctl daemon-reload && systemctl reset-failed", check=False)
    deployed(machine)
    green(machine)


def test_an_unplugged_disk(machine: Machine) -> None:
    """Somebody took it out: nothing is made on the disk of the system instead."""
    machine.run(f"systemctl stop {UNIT} && umount /mnt/data && mv {NAME} {NAME}-away")
    try:
        assert "this machine has no disk scsi1" in refused_here(machine)
        assert machine.run("ls /mnt/data") == ""
    finally:
        machine.run(f"mv {NAME}-away {NAME}")
    deployed(machine)
    green(machine)


STAND_IN = f"""\
#!/bin/sh -e
systemctl stop {UNIT}
umount "$1"
e2fsck -fp "$1" || true
/usr/sbin/resize2fs "$1"
mount /mnt/data
systemctl start {UNIT}
"""
"""Of resize2fs, where the kernel lets nobody grow what is mounted."""


def test_a_grown_disk(machine: Machine, disk: LoopDevice) -> None:
    disk.grow(2 * GB)
    assert set(red(machine)) >= {"guest[scsi1].size", "guest[scsi1].grown"}
    machine.spec(spec("2GB"))
    found = {check: why for check, why in red(machine).items() if not check.startswith("vm")}
    assert set(found) == {"guest[scsi1].grown", "deployment[record].spec"}, found
    if not MAY_GROW:
        machine.run("cat > /usr/local/sbin/resize2fs && chmod +x /usr/local/sbin/resize2fs", stdin=STAND_IN)
    deployed(machine)
    green(machine)
    assert int(machine.run("findmnt -bno SIZE /mnt/data")) > 1.8 * GB
    success, error, _ = totals(deployed(machine))
    assert (success, error) == ("-", "-")


# -- a run that was cut short --------------------------------------------------------------------------

MARK = "/var/lib/pgdeploy/formatting-scsi1"
FIRST = "set -e; mkdir -p /var/lib/pgdeploy; printf '%s %s\\n' {name} 1073741824 > {mark}"

KILLED = {
    "before mkfs": "true",
    "in mkfs": "printf half | dd of={name} bs=1 seek=9000 conv=notrunc status=none",
    "after mkfs": "mkfs.ext4 -q -m 0 -L pgdeploy-scsi1 {name}",
    "after all of it": "mkfs.ext4 -q -m 0 -L pgdeploy-scsi1 {name} && rm {mark}",
    "before it was mounted": (
        "mkfs.ext4 -q -m 0 -L pgdeploy-scsi1 {name} && rm {mark} && mkdir -p /mnt/data"
        ' && echo "UUID=$(blkid -p -o value -s UUID {name}) /mnt/data ext4 noatime,nofail 0 2" >> /etc/fstab'
    ),
}

ALONE = (
    "from pyinfra_deploys.disk import disks\nfrom pyinfra_deploys.preflight import preflight\n"
    "if preflight() is not None:\n    disks()\n"
)


@pytest.mark.parametrize("case", KILLED)
def test_killed_on_the_way(case: str, bare_machine: Machine) -> None:
    with plugged(bare_machine):
        try:
            bare_machine.run(f"{FIRST}; {KILLED[case]}".replace("{name}", NAME).replace("{mark}", MARK))
            converges(bare_machine)
        finally:
            bare_machine.run(
                "umount -q /mnt/data; rmdir /mnt/data; sed -i /mnt.data/d /etc/fstab", check=False
            )


KILLING = """\
#!/bin/sh
rm "$0"
{before}
kill -9 $PPID
"""
"""A program that ends the step that called it as a power cut would, after what it did."""

AT = {
    "mkfs.ext4": f"printf half | dd of={NAME} bs=1 seek=9000 conv=notrunc status=none",
    "sync": "true",
    "systemctl": '[ "$1" = show ] && exec /usr/bin/systemctl "$@"',
    "mount": "true",
}


@pytest.mark.parametrize("program", AT)
def test_killed(program: str, bare_machine: Machine) -> None:
    """In the middle of formatting, before it is known to be done, with and without its line in /etc/fstab."""
    stand_in = f"/usr/local/sbin/{program}"
    killing = KILLING.format(before=AT[program])
    if program == "systemctl":  # it is asked things too
        killing = killing.replace('rm "$0"\n' + AT[program], f'{AT[program]}\nrm "$0"')
    with plugged(bare_machine):
        try:
            bare_machine.run(f"cat > {stand_in} && chmod +x {stand_in}", stdin=killing)
            first = alone(bare_machine)
            assert first.returncode != 0, said(first)
            assert bare_machine.run(f"ls {stand_in}", check=False) == "", said(first)
            converges(bare_machine)
        finally:
            bare_machine.run(
                f"rm -f {stand_in}; umount -q /mnt/data; rmdir /mnt/data; sed -i /mnt.data/d /etc/fstab",
                check=False,
            )


def alone(machine: Machine) -> CompletedProcess[str]:
    """The step without the others."""
    file = machine.folder / "disks.py"
    file.write_text(ALONE)
    return run([word if word != "pyinfra_deploys/pg01.py" else str(file) for word in pyinfra("-y")], machine)


def converges(machine: Machine, *label: str) -> None:
    """The step alone, twice."""
    first, second = alone(machine), alone(machine)
    assert first.returncode == second.returncode == 0, said(first) + said(second)
    assert totals(said(second))[:2] == ["-", "-"]
    assert machine.run("findmnt -no FSTYPE,LABEL /mnt/data").split() == list(
        label or ("ext4", "pgdeploy-scsi1")
    )
    assert machine.run("grep -c /mnt/data /etc/fstab") == "1"
    assert machine.run(f"ls {MARK}", check=False) == ""


def test_a_mark_is_no_licence(bare_machine: Machine) -> None:
    """What was mounted since, or is another's, is not formatted for a mark that was left."""
    with plugged(bare_machine):
        first = FIRST.replace("{name}", NAME).replace("{mark}", MARK)
        bare_machine.run(f"{first}; mkfs.ext4 -q -L backup {NAME}")
        try:
            assert 'holds ext4 called "backup"' in refused(bare_machine)
            bare_machine.run(
                f"e2label {NAME} pgdeploy-scsi1 && mount {NAME} /srv && echo precious > /srv/notes && umount /srv"
            )
            converges(bare_machine)
            assert bare_machine.run("cat /mnt/data/notes") == "precious"
        finally:
            bare_machine.run(
                f"umount -q /mnt/data; rmdir /mnt/data; rm -f {MARK}; sed -i /mnt.data/d /etc/fstab",
                check=False,
            )


def test_an_xfs_that_was_mounted_there(bare_machine: Machine) -> None:
    """Somebody made it, and gave it this place: it is taken as it is, and grows."""
    with plugged(bare_machine) as disk:
        bare_machine.run(f"mkfs.xfs -q -L mine {NAME} && mkdir -p /mnt/data")
        assert 'holds xfs called "mine"' in refused(bare_machine)
        bare_machine.run(f"mount {NAME} /mnt/data && echo precious > /mnt/data/notes")
        try:
            converges(bare_machine, "xfs", "mine")
            disk.grow(2 * GB)
            converges(bare_machine, "xfs", "mine")
            assert int(bare_machine.run("findmnt -bno SIZE /mnt/data")) > 1.8 * GB
            assert bare_machine.run("cat /mnt/data/notes") == "precious"
        finally:
            bare_machine.run(
                "umount -q /mnt/data; rmdir /mnt/data; sed -i /mnt.data/d /etc/fstab", check=False
            )
