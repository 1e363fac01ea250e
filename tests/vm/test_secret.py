"""A canary for the token's secret: it goes to Proxmox in one header, and is nowhere else, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.vm.command import INTERRUPTIBLE, ROOT, environment, run, start, watched
from tests.vm.listener import listener, plain
from tests.vm.site import SECRET, Site
from tests.vm.watch import Watch
from tests.vm.way import Way, way

CANARY = "c4a4a7e1-0000-4000-8000-canary0f7oken"
FORMS = (CANARY, CANARY.upper(), b64encode(CANARY.encode()).decode().rstrip("=")[:-1], CANARY[9:])
"""As it is, and as it may be written otherwise; a part of it is too much as well."""

LOUD = """\
import logging, sys, warnings
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, force=True)
from pgdeploy.cli import main
import proxmoxer.core, proxmoxer.backends.https, requests, urllib3
for name in ("proxmoxer", "proxmoxer.core", "proxmoxer.backends.https", "requests", "urllib3", "pgdeploy"):
    logging.getLogger(name).setLevel(logging.DEBUG)
warnings.simplefilter("always")
import pgdeploy.reach.proxmox
pgdeploy.reach.proxmox.PAUSES = (0.01, 0.01)
main()
"""


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    with way(tmp_path_factory.mktemp("way")) as made:
        yield made


@pytest.fixture
def canary(site: Site, sshd: Way, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Its token has the canary for a secret, and the VM is where an sshd is."""
    site.proxmox.cluster.access.tokens["pgdeploy@pve!deploy"].secret = CANARY
    monkeypatch.setenv(SECRET, CANARY)
    sshd.lead(site)
    return site


def _require_nowhere(*texts: str) -> None:
    for text in texts:
        for form in FORMS:
            assert form not in text


def _require_nowhere_in(site: Site) -> None:
    """Not in what the cluster keeps, and not in the folder."""
    for task in site.proxmox.tasks:
        _require_nowhere(*task.lines, task.upid, str(task.exitstatus))
    for machine in site.proxmox.cluster.machines.values():
        _require_nowhere(repr(dict(machine.config)), repr(machine.cloud_init))
    for seen in site.proxmox.requests:
        _require_nowhere(seen.path, repr(seen.parameters), seen.user)
    files = [file for file in site.folder.rglob("*") if file.is_file()]
    assert site.file in files
    for file in files:
        _require_nowhere(file.read_bytes().decode("latin-1"))


def _run(site: Site, *arguments: str, loud: bool = False) -> subprocess.CompletedProcess[str]:
    more = {"PYTHONWARNINGS": "always", "PYTHONFAULTHANDLER": "1"}
    if not loud:
        return watched(site.folder, *arguments, more=more)
    return subprocess.run(
        [sys.executable, "-c", LOUD, *arguments],
        cwd=site.folder,
        env=environment(site.folder, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# -- what goes well ------------------------------------------------------------------------------------


def test_the_canary_is_what_proxmox_is_sent(canary: Site) -> None:
    """The ruler of all that follows: with another secret, nothing works."""
    assert run(canary.folder, "vm", "plan", str(canary.file)).returncode == 2
    wrong = run(canary.folder, "vm", "plan", str(canary.file), more={SECRET: CANARY + "x"})
    assert wrong.returncode == 1


def test_plan_apply_stop_start_destroy(canary: Site) -> None:
    commands = (
        ("plan", "{}"),
        ("plan", "{}", "--json"),
        ("apply", "{}", "--yes"),
        ("plan", "{}", "--json"),
        ("stop", "{}"),
        ("start", "{}"),
        ("destroy", "{}", "--confirm", "proj-pg01"),
    )
    with Watch(CANARY.encode(), b"pgdeploy\0vm\0") as watch:
        for command in commands:
            done = _run(canary, "vm", *(word.format(canary.file) for word in command))
            assert done.returncode in (0, 2), done.stderr
            _require_nowhere(done.stdout, done.stderr)
    assert watch.seen
    assert not watch.found
    _require_nowhere_in(canary)


def test_loggers_that_say_all(canary: Site) -> None:
    """Those of the libraries under us, at their loudest."""
    done = _run(canary, "vm", "apply", str(canary.file), "--yes", loud=True)
    assert done.returncode == 0, done.stderr
    assert "DEBUG:urllib3.connectionpool:" in done.stdout
    assert "INFO:proxmoxer.core:POST https://" in done.stdout
    _require_nowhere(done.stdout, done.stderr)
    _require_nowhere_in(canary)


# -- what fails ----------------------------------------------------------------------------------------


def _forbidden(site: Site) -> None:
    site.proxmox.cluster.access.tokens["pgdeploy@pve!deploy"].own = {"/vms": ["VM.Audit"]}


def _unknown(site: Site) -> None:
    site.proxmox.cluster.access.tokens.clear()


def _dropped(site: Site) -> None:
    for nth in range(1, 40):
        site.proxmox.faults.drop(nth)


def _broken(site: Site) -> None:
    for nth in range(1, 40):
        site.proxmox.faults.answer(nth, 500, "internal error")


def _unproved(site: Site) -> None:
    site.change(f", ca: {site.proxmox.ca}", "")


def _task_fails(site: Site) -> None:
    site.proxmox.faults.fail_task()


def _nobody(site: Site) -> None:
    site.change(f"port: {site.proxmox.port}", "port: 1")


def _bad_header(site: Site) -> None:
    """A secret that no header can hold: the client's own words would show it."""
    os.environ[SECRET] = f"{CANARY}\n{CANARY}"


def _no_latin(site: Site) -> None:
    os.environ[SECRET] = f"{CANARY}\N{SNOWMAN}"


def _written(site: Site) -> None:
    """The secret itself in the spec, where a reference should be."""
    site.change(f"secret: {{env: {SECRET}}}", f"secret: '{CANARY}'")


FAILURES = [
    _forbidden,
    _unknown,
    _dropped,
    _broken,
    _unproved,
    _task_fails,
    _nobody,
    _bad_header,
    _no_latin,
    _written,
]


@pytest.mark.parametrize("fail", FAILURES)
def test_errors(fail: Callable[[Site], None], canary: Site) -> None:
    """What the command line says of them, and all that the libraries say beside it."""
    fail(canary)
    done = _run(canary, "vm", "apply", str(canary.file), "--yes", loud=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    _require_nowhere(done.stdout, done.stderr)
    if fail is not _written:
        _require_nowhere_in(canary)


def test_no_tls(canary: Site) -> None:
    with listener(plain) as server:
        canary.change(f"port: {canary.proxmox.port}", f"port: {server.port}")
        done = _run(canary, "vm", "plan", str(canary.file), loud=True)
    assert done.returncode == 1
    _require_nowhere(done.stdout, done.stderr, server.heard.decode("latin-1"))


@pytest.mark.parametrize("loud", [False, True], ids=["quiet", "loud"])
def test_an_interrupt(loud: bool, canary: Site) -> None:
    """In the middle of a wait; without the command line around it, there is a traceback."""
    canary.proxmox.faults.hold_task()
    code = ["-c", LOUD.replace("main()", _SHOWN)] if loud else ["-m", "pgdeploy"]
    process = subprocess.Popen(
        [*INTERRUPTIBLE, sys.executable, *code, "vm", "apply", str(canary.file), "--yes"],
        cwd=canary.folder,
        env=environment(canary.folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _interrupt_at_the_task(canary, process)
    out, errors = process.communicate(timeout=20)
    assert process.returncode in (130, -signal.SIGINT)
    assert ("Traceback" in errors) == loud
    assert ("KeyboardInterrupt" in errors) == loud
    _require_nowhere(out, errors)
    _require_nowhere_in(canary)


_SHOWN = """
from pgdeploy.cli.steps import make
from pgdeploy.cli.targets import live, open_gate
from pgdeploy.layers import layer_of
with open_gate(sys.argv[3], live()) as gate:
    make(gate, layer_of("vm"), downtime=False)
"""


def _interrupt_at_the_task(site: Site, process: subprocess.Popen[str]) -> None:
    def interrupt(_: str, path: str) -> bool:
        if path.endswith("/log"):
            process.send_signal(signal.SIGINT)
        return False

    site.proxmox.faults.drop(1, interrupt)


# -- the gate ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [CANARY, f"{CANARY}x"], ids=["right", "wrong"])
def test_the_gate_and_its_reports(
    secret: str, canary: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With all that pytest shows of locals, its own report and ours."""
    reports = tmp_path_factory.mktemp("reports")
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:randomly",
                "--showlocals",
                "-vv",
            ),
            *("-c", "/dev/null", "--rootdir", str(canary.folder), "--tb=long", "-rA", "--full-trace"),
            *("--target", str(canary.file), "--no-probes", "-k", "vm"),
            *("--pgdeploy-report", str(reports / "report.json"), f"--junit-xml={reports / 'junit.xml'}"),
        ],
        cwd=canary.folder,
        env=environment(canary.folder, **{SECRET: secret, "PYTHONPATH": f"{ROOT}:{ROOT / 'plugin'}"}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    texts = [file.read_text() for file in (reports / "report.json", reports / "junit.xml")]
    assert "vm[proj-pg01]" in texts[0] or secret != CANARY
    assert '"prod-pg01"' in texts[0]
    _require_nowhere(done.stdout, done.stderr, *texts)
    _require_nowhere_in(canary)


def test_objects_do_not_show_it(canary: Site) -> None:
    """Whoever prints what we hold in the middle of it, as a debugger does."""
    api = canary.api()
    api.get("version")
    declared = canary.declared
    _require_nowhere(repr(api), repr(vars(api)), repr(declared), str(declared.vm.model_dump()))


def test_the_process_list_of_a_second_process(canary: Site) -> None:
    """Where the secret comes from a command, it has it on its own output alone."""
    script = Path(canary.folder) / "give"
    script.write_text(f"#!/bin/sh\nprintenv {SECRET}\n")
    script.chmod(0o755)
    canary.change(f"secret: {{env: {SECRET}}}", f"secret: {{command: [{script}]}}")
    with Watch(CANARY.encode(), b"pgdeploy\0vm\0") as watch:
        process = start(canary.folder, "vm", "apply", str(canary.file), "--yes")
        out, errors = process.communicate(timeout=40)
    assert process.returncode == 0, errors
    assert watch.seen
    assert not watch.found
    _require_nowhere(out, errors)
    _require_nowhere_in(canary)
