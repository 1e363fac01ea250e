"""`pgdeploy vm` as people run it, to a real sshd: exit codes, what is asked, what is printed, and interrupts."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from pgdeploy.layers.vm.step import request_of
from tests.simulators.proxmox.guest import MemoryGuest
from tests.vm.command import INTERRUPTIBLE, environment, run
from tests.vm.hasty import hasty
from tests.vm.site import Site
from tests.vm.way import Way, way
from tests.vm.whole import require_single, require_untouched, require_whole

STEPS = 4


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    with way(tmp_path_factory.mktemp("way")) as made:
        yield made


@pytest.fixture
def led(site: Site, sshd: Way) -> Site:
    """Its VM is where the sshd is; not made yet."""
    sshd.lead(site)
    return site


@pytest.fixture
def made(led: Site) -> Site:
    with hasty():
        led.apply()
    return led


def _guest(site: Site) -> MemoryGuest:
    guest = site.proxmox.vm(2002).guest
    assert isinstance(guest, MemoryGuest)
    return guest


def _vm(site: Site, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = run(site.folder, "vm", command, str(site.file), *arguments)
    assert "Traceback" not in done.stderr
    return done


def _answer(site: Site, text: str, *arguments: str) -> tuple[int, str]:
    """Exit code and screen where somebody sits at a terminal and types this."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pgdeploy", "vm", *arguments],
        cwd=site.folder,
        env=environment(site.folder, TERM="dumb"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    os.write(ours, f"{text}\n".encode())
    screen = b""
    with suppress(OSError):  # the other end is closed
        while part := os.read(ours, 65536):
            screen += part
    os.close(ours)
    return process.wait(30), screen.decode()


# -- plan and apply ------------------------------------------------------------------------------------


def test_plan_apply_plan(led: Site, sshd: Way) -> None:
    """There is something to do; it is done and ssh gets in; there is nothing to do."""
    before = _vm(led, "plan")
    assert before.returncode == 2
    assert before.stdout.startswith(
        "prod-pg01: VM 2002 (proj-pg01) on node04: 4 steps\n  1. clone template 9000 "
    )
    applied = _vm(led, "apply", "--yes")
    assert applied.returncode == 0, applied.stderr
    last = f"prod-pg01: VM 2002 (proj-pg01) runs on node04 and is reached at {sshd.address}\n"
    assert applied.stdout == before.stdout + last
    after = _vm(led, "plan")
    assert (after.returncode, after.stdout) == (
        0,
        "prod-pg01: VM 2002 (proj-pg01) on node04: nothing to do\n",
    )
    assert _vm(led, "apply").returncode == 0, "nothing to do, and so nothing to ask"
    require_whole(led)


def test_json(led: Site) -> None:
    done = _vm(led, "plan", "--json")
    assert done.returncode == 2
    data = json.loads(done.stdout)
    assert (data["target"], data["layer"], len(data["changes"])) == ("prod-pg01", "vm", STEPS)
    assert data["changes"][0]["request"] == {
        "method": "POST",
        "path": "/nodes/node04/qemu/9000/clone",
        "parameters": {
            "newid": 2002,
            "name": "proj-pg01",
            "full": 1,
            "description": str(led.declared.record),
            "storage": "local-zfs",
        },
    }
    first = data["changes"][1]["causes"][0]
    (drift,) = [drift for drift in data["drifts"] if drift["id"] == first]
    assert drift.keys() >= {"id", "desired", "actual", "remedy"}
    assert (data["stuck"], data["pending"]) == ([], [])


def test_json_of_nothing(made: Site) -> None:
    done = _vm(made, "plan", "--json")
    assert (done.returncode, json.loads(done.stdout)["changes"]) == (0, [])


def _any(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    return run(site.folder, words[0], str(site.file), *words[1:])


def test_the_commands_of_all_layers_do_the_same(led: Site) -> None:
    planned = _any(led, "plan", "--layer", "vm")
    assert (planned.returncode, planned.stdout) == (2, _vm(led, "plan").stdout)
    done = _any(led, "apply", "--layer", "vm", "--yes")
    assert done.returncode == 0, done.stderr
    require_whole(led)
    checked = _any(led, "check", "--layer", "vm")
    assert checked.returncode == 0, checked.stderr
    assert "0 drift" in checked.stdout
    led.change("cores: 4", "cores: 2")
    led.change("vcpus: 8", "vcpus: 4")
    assert "vm[proj-pg01].cores drifts" in _any(led, "check", "--layer", "vm").stdout


def test_a_saved_plan_binds_the_apply(led: Site) -> None:
    """It is done as long as it is what Proxmox needs, and refused when somebody was there in between."""
    file = led.folder / "plan.json"
    assert _any(led, "plan", "--layer", "vm", "--out", str(file)).returncode == 2
    apply = ("apply", "--layer", "vm", "--yes", "--plan", str(file))
    done = _any(led, *apply)
    assert done.returncode == 0, done.stderr
    require_whole(led)
    again = _any(led, *apply)
    assert again.returncode == 1
    assert "this plan is not what the VM needs now" in again.stderr
    of_server = _any(led, "apply", "--yes", "--plan", str(file))
    assert of_server.returncode == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "--layer", "host"), "--layer host: write one of vm, service, server"),
        (("apply", "--layer", "moon"), "--layer moon: write one of vm, service, server"),
        (("check", "--layer", "moon"), "--layer moon: write one of vm, service, server, host"),
        (
            ("apply", "--layer", "vm", "--yes", "--on", "embedded"),
            "--layer vm is of the live target: leave out --on and --dsn",
        ),
        (
            ("plan", "--layer", "vm", "--dsn", "host=x"),
            "--layer vm is of the live target: leave out --on and --dsn",
        ),
        (
            ("apply", "--allow-restart"),
            "--allow-restart goes with --layer, and one of vm, service, migration, seed",
        ),
    ],
)
def test_a_layer_that_there_is_not(led: Site, words: tuple[str, ...], said: str) -> None:
    done = _any(led, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_nobody_to_ask(led: Site) -> None:
    done = _vm(led, "apply")
    assert done.returncode == 1
    assert "not a terminal; pass --yes to take these " in done.stderr
    require_untouched(led.proxmox)


@pytest.mark.parametrize("answer", ["n", ""])
def test_no(answer: str, led: Site) -> None:
    code, screen = _answer(led, answer, "apply", str(led.file))
    assert code == 1
    assert f"Take these {STEPS} steps?" in screen
    require_untouched(led.proxmox)


def test_yes(led: Site) -> None:
    code, screen = _answer(led, "y", "apply", str(led.file))
    assert code == 0, screen
    require_whole(led)


def test_drift_that_stays(made: Site) -> None:
    """A disk is larger than the spec says: that is said, with what to do, and is no error."""
    made.change("scsi1: {storage: local-zfs, size: 250GB}", "scsi1: {storage: local-zfs, size: 200GB}")
    done = _vm(made, "apply", "--yes")
    assert done.returncode == 2
    assert "drift remains: vm_disk[scsi1].size: 250GB -> 200GB" in done.stdout
    assert "disks never shrink" in done.stdout
    assert _vm(made, "plan").returncode == 2


def test_a_restart_needs_leave(made: Site) -> None:
    """Without it the change waits, and it is said; with it, it is in effect."""
    made.change("memory: 48GB", "memory: 40GB")
    done = _vm(made, "apply", "--yes")
    assert done.returncode == 2
    assert "(only with --allow-restart)" in done.stdout
    assert "pending until a restart: memory 49152 -> 40960" in done.stdout
    assert _guest(made).boots == 1
    done = _vm(made, "apply", "--yes", "--allow-restart")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _guest(made).boots == 2
    require_whole(made)


def test_an_error_is_one_line(led: Site) -> None:
    led.change("template: 9000", "template: 9001")
    for command in (("plan",), ("plan", "--json"), ("apply", "--yes")):
        done = _vm(led, *command)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("pgdeploy: prod-pg01: there is no template 9001")
        assert done.stderr.count("\n") == 1


def test_a_spec_without_a_vm(led: Site) -> None:
    led.file.write_text("postgres: 16\n")
    for command in (("plan",), ("apply", "-y"), ("start",), ("stop",), ("destroy", "--confirm", "proj-pg01")):
        done = _vm(led, *command)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"pgdeploy: {led.file}: there is no VM: write `vm:`\n"
    assert led.proxmox.requests == []


def test_no_such_target(led: Site) -> None:
    done = run(led.folder, "vm", "plan", "nobody")
    assert done.returncode == 1
    assert "nobody" in done.stderr


def test_no_target(led: Site) -> None:
    """click's own 2 would say that there are changes."""
    assert run(led.folder, "vm", "plan").returncode == 1


# -- start, stop, destroy ------------------------------------------------------------------------------


def test_stop_and_start(made: Site) -> None:
    done = _vm(made, "stop")
    assert (done.returncode, done.stdout) == (0, "prod-pg01: VM 2002 is stopped\n")
    assert made.proxmox.vm(2002).running is None
    again = _vm(made, "stop")
    assert (again.returncode, "note: VM 2002 does not run" in again.stderr) == (0, True)
    done = _vm(made, "start")
    assert (done.returncode, done.stdout) == (0, "prod-pg01: VM 2002 runs\n")
    again = _vm(made, "start")
    assert (again.returncode, "note: VM 2002 runs already" in again.stderr) == (0, True)
    require_whole(made)


def test_stop_at_once(made: Site) -> None:
    _guest(made).stubborn = True
    done = _vm(made, "stop")
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert _vm(made, "stop", "--force").returncode == 0
    assert made.proxmox.vm(2002).running is None


@pytest.mark.parametrize("command", [("start",), ("stop",), ("destroy", "--confirm", "proj-pg01")])
def test_what_is_not_there(command: tuple[str, ...], led: Site) -> None:
    done = _vm(led, *command)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no VM 2002; pgdeploy vm apply prod-pg01 makes it" in done.stderr


LOST = "VM 2002 (proj-pg01) on node04 runs, and will be stopped. Lost with it: scsi0 32G, scsi1 250G\n"


def test_destroy(made: Site) -> None:
    done = _vm(made, "destroy", "--confirm", "proj-pg01")
    assert (done.returncode, done.stdout) == (0, f"{LOST}prod-pg01: VM 2002 is destroyed\n")
    require_untouched(made.proxmox)


@pytest.mark.parametrize("name", ["proj-pg02", "prod-pg01", "2002", "PROJ-PG01", ""])
def test_destroy_by_another_name(name: str, made: Site) -> None:
    done = _vm(made, "destroy", "--confirm", name)
    assert (done.returncode, done.stdout) == (1, LOST)
    assert f"{name!r} is not its name; nothing is done" in done.stderr
    require_whole(made)


def test_destroy_with_nobody_to_ask(made: Site) -> None:
    done = _vm(made, "destroy")
    assert (done.returncode, done.stdout) == (1, LOST)
    assert "not a terminal; pass --confirm and the VM's name" in done.stderr
    require_whole(made)


def test_destroy_at_a_terminal(made: Site) -> None:
    """What is lost is shown before the name is asked for; another name does nothing."""
    for answer in ("y", "proj-pg1", ""):
        code, screen = _answer(made, answer, "destroy", str(made.file))
        assert code == 1
        assert "is not its name; nothing is done" in screen
    require_single(made.proxmox)
    code, screen = _answer(made, "proj-pg01", "destroy", str(made.file))
    assert code == 0, screen
    assert "VM 2002 (proj-pg01) on node04 runs, and will be stopped" in screen
    assert "Lost with it: scsi0 32G, scsi1 250G" in screen
    require_untouched(made.proxmox)


def test_destroy_anothers(led: Site) -> None:
    led.change("id: 2002", "id: 101")
    done = _vm(led, "destroy", "--confirm", "webserver")
    assert (done.returncode, done.stdout) == (1, "")
    assert "id 101 is webserver on node02, and no spec made it" in done.stderr
    require_untouched(led.proxmox)


# -- two, interrupts, up -------------------------------------------------------------------------------


def test_a_second_apply_waits_for_the_clone_of_the_first(led: Site) -> None:
    """It shows a plan when there is a VM to plan for, and not before."""
    hold = led.proxmox.faults.hold_task(type="qmclone")
    request = request_of(led.plan().steps[0])
    led.api().post(*request.path, **request.parameters)

    def let_go(_: str, path: str) -> bool:
        if path.endswith("/log"):
            hold.set()
        return False

    led.proxmox.faults.drop(1, let_go)
    done = _vm(led, "apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert "waiting for the task that holds it" in done.stderr
    assert done.stdout.startswith("prod-pg01: VM 2002 (proj-pg01) on node04: 3 steps\n  1. configure it\n")
    require_whole(led)


def test_a_plan_of_half_a_clone(led: Site) -> None:
    """It is nobody else's, only half there."""
    hold = led.proxmox.faults.hold_task(type="qmclone")
    request = request_of(led.plan().steps[0])
    led.api().post(*request.path, **request.parameters)
    while "lock" not in getattr(led.proxmox.cluster.machines.get(2002), "config", {}):
        pass
    done = _vm(led, "plan")
    hold.set()
    assert done.returncode == 1
    assert "VM 2002 is locked (clone), as half of it is there" in done.stderr


@pytest.mark.parametrize(
    "at", ["/9000/clone", "/2002/config", "/2002/resize", "/status/start", "/agent/file-read"]
)
def test_an_interrupt(at: str, led: Site) -> None:
    """Ctrl-C, wherever it is: no traceback, and the next run goes on from there."""
    process = subprocess.Popen(
        [*INTERRUPTIBLE, sys.executable, "-m", "pgdeploy", "vm", "apply", str(led.file), "--yes"],
        cwd=led.folder,
        env=environment(led.folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def interrupt(method: str, path: str) -> bool:
        if path.endswith(at) and (method != "GET" or "agent" in path):
            process.send_signal(signal.SIGINT)
        return False

    led.proxmox.faults.drop(1, interrupt)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    led.proxmox.faults.clear()
    led.proxmox.settle()
    done = _vm(led, "apply", "--yes")
    assert done.returncode == 0, done.stderr
    require_whole(led)


def test_up_stops_at_the_vm(led: Site) -> None:
    """Nothing is deployed to a host that is not there."""
    led.proxmox.faults.fail_task(text="no room")
    done = run(led.folder, "up", str(led.file))
    assert done.returncode == 1
    assert "prod-pg01: stopped at: vm" in done.stderr
    assert "no room" in done.stderr
    assert "Traceback" not in done.stderr


def test_up_stops_where_a_restart_is_needed(made: Site) -> None:
    """With the exit code of drift, as nothing failed."""
    made.change("memory: 48GB", "memory: 40GB")
    done = run(made.folder, "up", str(made.file))
    assert done.returncode == 2
    assert "prod-pg01: stopped at: vm" in done.stderr
