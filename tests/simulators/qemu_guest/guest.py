"""A machine of the simulated cluster that is a virtual machine: a kernel, disks and a network card of its own."""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from pgdeploy.errors import TargetError
from tests.simulators.proxmox.guest import AgentAbsent, Boot, CloudInit
from tests.simulators.proxmox.quantity import parse_size
from tests.simulators.qemu_guest.accelerator import ACCELERATOR
from tests.simulators.qemu_guest.agent import PortAgent
from tests.simulators.qemu_guest.arguments import Disk, Outside, arguments, split
from tests.simulators.qemu_guest.network import PREFIX, Bridge, run
from tests.simulators.qemu_guest.qmp import tell
from tests.simulators.qemu_guest.template import APPEND, Template

SHUTDOWN_TIMEOUT = 180
"""Seconds; as long as Proxmox gives to a backup's, as an emulated processor is slow."""

_numbers = itertools.count(1)


class QemuGuest:
    """One machine. Its disks are files under the names of their volumes, and stay over stops and starts."""

    def __init__(self, vmid: int, template: Template, bridge: Bridge) -> None:
        self.vmid = vmid
        self._template = template
        self._bridge = bridge
        self._folder = Path(tempfile.mkdtemp(prefix=f"pgdeploy-qemu-{os.getpid()}-"))
        self._agent = PortAgent(self._folder / "agent.sock")
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    @property
    def console(self) -> str:
        """All that it has said on its serial line."""
        return (self._folder / "console").read_text(errors="replace")

    def start(self, boot: Boot) -> None:
        """Returns when the machine is on, long before it has booted.

        Raises:
            TargetError: QEMU does not take it so; why.
        """
        with self._turn:
            tap = f"{PREFIX}{os.getpid():x}t{next(_numbers)}"
            outside = Outside(
                *(ACCELERATOR, self._template.kernel, self._template.initrd, APPEND, self._folder),
                drive=self._drive(boot.cloud_init),
                tap=tap,
            )
            words = arguments(boot.config, list(self._disks(boot.config)), outside)
            self._run(words)
            if "net0" in boot.config:
                self._bridge.plug(tap)

    def shutdown(self) -> None:
        """Graceful, as Proxmox asks for it: by the agent, or where it does not answer by the power button.

        Raises:
            TargetError: it did not go down.
        """
        with self._turn:
            with contextlib.suppress(OSError):
                self._ask_to_go_down()
            if self._process is not None:
                try:
                    self._process.wait(SHUTDOWN_TIMEOUT)
                except subprocess.TimeoutExpired:
                    raise TargetError("VM quit/powerdown failed - got timeout") from None

    def stop(self) -> None:
        """The power is cut."""
        with self._turn:
            if self._process is not None:
                self._process.kill()
                self._process.wait()

    def destroy(self) -> None:
        """Nothing of it is left; again does no harm."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def agent(self, command: str, arguments: Mapping[str, object]) -> object:
        """What the agent in the machine gives, with all its own errors.

        `guest-file-read` with a path is its open, read and close, and gives bytes.
        """
        if command == "guest-file-read" and "path" in arguments:
            return self._agent.read(str(arguments["path"]))
        return self._agent.ask(command, arguments)

    def run(self, script: str, timeout: float = 120) -> str:
        """What a shell in it prints, past the network: for what a test wants to know or break."""
        words = {"path": "/bin/sh", "arg": ["-c", script], "capture-output": True}
        process = _of(self._agent.ask("guest-exec", words))["pid"]
        end = time.monotonic() + timeout
        while not (state := _of(self._agent.ask("guest-exec-status", {"pid": process})))["exited"]:
            assert time.monotonic() < end, f"{script!r} has not ended after {timeout} s"
            time.sleep(0.1)
        said = {
            name: base64.b64decode(str(state.get(f"{name}-data", ""))).decode() for name in ("out", "err")
        }
        assert state.get("exitcode") == 0, f"{script!r} failed on machine {self.vmid}: {said}"
        return said["out"].strip()

    def resize(self, slot: str, size: int) -> None:
        """What Proxmox tells QEMU when a disk of a running machine becomes larger."""
        tell(self._folder / "qmp.sock", "block_resize", device=f"drive-{slot}", size=size)

    def balloon(self, size: int) -> None:
        """What Proxmox tells QEMU when the node has little memory left."""
        tell(self._folder / "qmp.sock", "balloon", value=size)

    def _run(self, words: list[str]) -> None:
        said = self._folder / "said"
        with said.open("wb") as file:
            self._process = subprocess.Popen(
                ["nice", "qemu-system-x86_64", *words], stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        (self._folder / "pid").write_text(str(self._process.pid))
        while self._process.poll() is None:
            with contextlib.suppress(OSError):
                tell(self._folder / "qmp.sock", "query-status")
                return
            time.sleep(0.05)
        raise TargetError(f"start failed: {said.read_text().strip()}")

    def _ask_to_go_down(self) -> None:
        try:
            self._agent.ask("guest-ping", {})
        except AgentAbsent:
            tell(self._folder / "qmp.sock", "system_powerdown")
        else:
            with contextlib.suppress(AgentAbsent):  # it does not answer if it heeds
                self._agent.ask("guest-shutdown", {})

    def _drive(self, cloud_init: CloudInit | None) -> Path | None:
        if cloud_init is None:
            return None
        files, image = self._folder / "nocloud", self._folder / "nocloud.iso"
        files.mkdir(exist_ok=True)
        (files / "user-data").write_text(cloud_init.user_data, encoding="utf-8")
        (files / "meta-data").write_text(cloud_init.meta_data, encoding="utf-8")
        (files / "network-config").write_text(cloud_init.network_config, encoding="utf-8")
        image.unlink(missing_ok=True)
        run(
            "xorriso",
            "-as",
            "genisoimage",
            "-quiet",
            "-J",
            "-R",
            "-V",
            "cidata",
            "-o",
            str(image),
            str(files),
        )
        return image

    def _disks(self, config: Mapping[str, str]) -> Iterator[Disk]:
        for slot in sorted(key for key in config if re.fullmatch(r"scsi\d+", key)):
            volume, options = split(config[slot])
            if options.get("media") != "cdrom" and (size := parse_size(options.get("size", ""))):
                yield Disk(slot, self._file(volume, size, clone=slot == "scsi0"), options)

    def _file(self, volume: str, size: int, *, clone: bool) -> Path:
        """The disk of this volume. Disks become larger, never smaller."""
        file = self._folder / f"{volume.replace('/', '-').replace(':', '-')}.qcow2"
        if not file.exists():
            base = ("-b", str(self._template.disk), "-F", "qcow2") if clone else ()
            run("qemu-img", "create", "-q", "-f", "qcow2", *base, str(file), str(size))
        elif size > _size(file):
            run("qemu-img", "resize", "-q", str(file), str(size))
        return file


def _of(answer: object) -> dict[str, object]:
    assert isinstance(answer, dict)
    return answer


def _size(file: Path) -> int:
    found = re.search(r'"virtual-size": (\d+)', run("qemu-img", "info", "--output=json", str(file)))
    assert found is not None
    return int(found[1])
