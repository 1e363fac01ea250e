"""The VM's acceptance on a node of your own: a throw-away VM is made, changed, killed half way and destroyed.

    python -m scripts.accept_vm SPEC --ids 9900-9909 [--deploy]

SPEC is a spec with `vm:`; its VM is left alone: a copy gets the first free id of the range, the name
`pgdeploy-accept`, and no protection. Its address must be free, so take a spec of its own. With --deploy the host
and the database are made too, and the whole gate is asked. Exit code 0: all is as it must be; 1: what is not.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from pgdeploy.errors import PgdeployError
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.vm.declared import declared_vm
from pgdeploy.layers.vm.fact import read_cluster, read_vm
from pgdeploy.model.host.amount import bytes_of
from pgdeploy.model.spec import Spec
from pgdeploy.spec.frozenmap import FrozenMap
from pgdeploy.spec.render import render

NAME = "pgdeploy-accept"
OK, ERROR, DIFFERENT = 0, 1, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("spec", type=Path)
    parser.add_argument("--ids", required=True, type=ids, metavar="FIRST-LAST", help="that are nobody else's")
    parser.add_argument("--deploy", action="store_true", help="host, database and the whole gate, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pgdeploy-accept-") as folder:
        run = Run(Path(folder) / f"{NAME}.yaml", throw_away(load_target(arguments.spec), arguments.ids))
        try:
            run.all(deploy=arguments.deploy)
        except BaseException:
            run.clean()
            raise
        run.vm("nothing is left", "destroy", "--confirm", NAME)
    print(f"accepted: {run.number} steps")


def ids(text: str) -> range:
    """`9900-9909`; argparse says what is wrong with others."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def throw_away(target: Target, ids: range) -> Spec:
    """The spec with a VM of its own, of the first id that is free."""
    declared = declared_vm(target.declared)
    if declared is None:
        sys.exit(f"{target.file}: there is no VM: write `vm:`")
    taken = read_cluster(declared.proxmox()).vms
    for number in ids:
        vm = declared.vm.model_copy(update={"id": number, "name": NAME, "protection": False})
        if number not in taken and not read_vm(declared.proxmox(), vm).hidden:
            return target.spec.model_copy(update={"vm": vm})
    sys.exit(f"no id from {ids.start} to {ids.stop - 1} is free")


class Run:
    """The steps, each a command of the user's; the first that does not end as it must stops all."""

    def __init__(self, file: Path, spec: Spec) -> None:
        self.file = file
        self.number = 0
        self.write(spec)

    def write(self, spec: Spec) -> None:
        self.spec = spec
        self.file.write_text(render(spec), encoding="utf-8")

    def all(self, *, deploy: bool) -> None:
        """Every step."""
        self.vm("a plan names the steps", "plan", expect=DIFFERENT)
        began = time.monotonic()
        self.vm("the VM is made and reached", "apply", "--yes")
        print(f"   in {time.monotonic() - began:.0f} s")
        self.vm("there is nothing left to do", "plan")
        self.gate("the gate is green", OK)
        self.write(larger(self.spec))
        self.vm("more cores wait for a restart", "apply", "--yes", expect=DIFFERENT)
        self.gate("and the gate says so", ERROR)
        self.vm("a restart brings them", "apply", "--yes", "--allow-restart")
        self.gate("the gate is green again", OK)
        self.vm("it stops", "stop")
        self.gate("the gate sees that", ERROR)
        self.vm("it starts", "start")
        self.vm("a wrong name destroys nothing", "destroy", "--confirm", "another", expect=ERROR)
        self.vm("it is destroyed", "destroy", "--confirm", NAME)
        for seconds in (0.7, 1.5, 4):
            self.killed(seconds)
        self.vm("the next run converges", "apply", "--yes")
        self.gate("the gate is green once more", OK)
        if deploy:
            self.step("host and database are made", [*PGDEPLOY, "up", str(self.file)], OK)
            self.gate("the whole gate is green", OK, marker="")

    def vm(self, what: str, *words: str, expect: int = OK) -> None:
        verb, *options = words
        self.step(what, [*PGDEPLOY, "vm", verb, str(self.file), *options], expect)

    def gate(self, what: str, expect: int, marker: str = "vm") -> None:
        words = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rN",
            "-p",
            "no:cacheprovider",
            f"--target={self.file}",
        ]
        self.step(what, [*words, *(["-m", marker] if marker else [])], expect)

    def step(self, what: str, command: list[str], expect: int) -> None:
        """Run it; what it said is shown when it ends otherwise than it must."""
        self.number += 1
        print(f"{self.number:2} {what}", flush=True)
        done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != expect:
            print(done.stdout + done.stderr)
            raise SystemExit(f"not accepted: exit code {done.returncode} where {expect} was due")

    def killed(self, seconds: float) -> None:
        """An apply that is killed without warning."""
        self.number += 1
        print(f"{self.number:2} an apply is killed after {seconds} s", flush=True)
        command = [*PGDEPLOY, "vm", "apply", str(self.file), "--yes"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            time.sleep(seconds)
            os.kill(running.pid, signal.SIGKILL)

    def clean(self) -> None:
        """After a step that failed: what is left is destroyed, or named."""
        vm = self.spec.vm
        command = [*PGDEPLOY, "vm", "destroy", str(self.file), "--confirm", NAME]
        for _ in range(10):
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
            )
            if done.returncode == OK or "there is no VM" in done.stderr:
                return
            time.sleep(3)  # a clone that still runs
        print(f"VM {vm.id if vm else ''} may be left: {done.stderr.strip()}", file=sys.stderr)


def larger(spec: Spec) -> Spec:
    """The same with a core more, and a GB more of its last disk."""
    vm = spec.vm
    assert vm is not None  # noqa: S101 - throw_away() said so
    *_, (last, disk) = vm.disks.items()
    grown = disk.model_copy(update={"size": f"{(bytes_of(disk.size) >> 30) + 1}GB"})
    disks: Mapping[str, object] = {**vm.disks, last: grown}
    update = {"cores": vm.cores + 1, "vcpus": None, "disks": FrozenMap(disks)}
    machine = spec.machine.model_copy(update={"cores": None})
    return spec.model_copy(update={"vm": vm.model_copy(update=update), "machine": machine})


PGDEPLOY = [sys.executable, "-m", "pgdeploy"]

if __name__ == "__main__":
    try:
        main()
    except PgdeployError as error:
        sys.exit(str(error))
