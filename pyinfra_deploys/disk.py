"""The disks of the VM that the spec gives a place: formatted if empty, mounted, as large as they can be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyinfra.api import StringCommand, deploy, operation
from pyinfra.operations import apt

from pgdeploy.layers.host.file import disks_file
from pyinfra_deploys.package import lists, wait
from pyinfra_deploys.preflight import disk_questions
from pyinfra_deploys.this import ensure, layout, target
from pyinfra_deploys.write import put


@deploy("Disks")
def disks() -> None:
    """Each disk in its place; what holds something else was refused by preflight, and is never written over."""
    if (file := disks_file(target().spec)) is not None:
        put(file, "The server waits for its disk")
    if not (asked := disk_questions(layout())):
        return
    lists(["e2fsprogs"], name="Read the package lists for e2fsprogs")
    apt.packages(
        name="The tools of ext4", packages=["e2fsprogs"], no_recommends=True, extra_install_args=wait()
    )
    for disk in asked:
        what, where = f"Disk {disk['name']}", disk["mount"]
        part(disk, "format", name=f"{what}: ext4 where there is nothing yet")
        part(disk, "mount", name=f"{what}: on {where}, now and at boot")
        part(disk, "grow", name=f"{what}: its file system takes all of it")


@operation()
def part(disk: dict[str, Any], which: str) -> Iterator[StringCommand]:
    """One of the parts of remote/disk.py."""
    yield from ensure("disk", {"disk": disk, "part": which})
