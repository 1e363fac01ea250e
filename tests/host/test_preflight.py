"""What no container of ours can be: other processors, other releases. Asked with made answers of a host."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from pgdeploy.gate.target import load_target
from pgdeploy.layers.host.layout import Layout
from pyinfra_deploys.certificate import certificate_faults
from pyinfra_deploys.refusal import refusals
from pyinfra_deploys.remote import preflight
from tests.host.machine import SECRETS
from tests.host.texts import pg15, vm

FINE: dict[str, Any] = {
    "os": "debian",
    "codename": "bookworm",
    "pretty": "Debian GNU/Linux 12 (bookworm)",
    "machine": "x86_64",
    "apt": True,
    "systemd": True,
    "memory": 8 << 30,
    "free": {"/var": 9 << 30, "/usr": 9 << 30, "/mnt/data/pg01": 9 << 30},
    "mounted": {},
    "disks": {},
    "clusters": [],
    "data": {"there": False, "version": "", "names": []},
    "texts": {},
    "no_sysctl": [],
    "no_zone": False,
    "docker": "",
    "client": "172.17.0.1",
}


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, secret in SECRETS.items():
        monkeypatch.setenv(variable, secret)


def asked(tmp_path: Path, source: str = "distribution", major: int = 15, **found: Any) -> list[str]:
    file = tmp_path / "prod-pg01.yaml"
    file.write_text(pg15(source).replace("postgres: 15", f"postgres: {major}"))
    return list(refusals(Layout(load_target(file).spec), {**FINE, **found}))


def test_a_fine_host(tmp_path: Path) -> None:
    assert asked(tmp_path) == []


def test_a_processor_that_pgdg_has_nothing_for(tmp_path: Path) -> None:
    (said,) = asked(tmp_path, "pgdg", machine="riscv64")
    assert said.startswith("apt.postgresql.org has nothing for riscv64, only for x86_64, aarch64")
    assert asked(tmp_path, machine="riscv64") == []


def test_a_release_that_pgdg_has_no_more(tmp_path: Path) -> None:
    (said,) = asked(tmp_path, "pgdg", codename="buster", pretty="Debian GNU/Linux 10 (buster)")
    assert said == "Debian GNU/Linux 10 (buster) is not known here; known: bookworm, trixie, jammy, noble"


@pytest.mark.parametrize(
    ("codename", "major"), [("bookworm", 15), ("trixie", 17), ("jammy", 14), ("noble", 16)]
)
def test_each_release_has_one_postgresql_of_its_own(tmp_path: Path, codename: str, major: int) -> None:
    assert asked(tmp_path, major=major, codename=codename) == []
    assert asked(tmp_path, "pgdg", major=18, codename=codename) == []
    (said,) = asked(tmp_path, major=18, codename=codename)
    assert f"itself has PostgreSQL {major}, the spec says 18" in said


def test_no_systemd(tmp_path: Path) -> None:
    (said,) = asked(tmp_path, systemd=False)
    assert "systemd does not run here" in said


def test_what_the_host_does_not_know(tmp_path: Path) -> None:
    (said,) = asked(tmp_path, no_sysctl=["vm.swapiness"])
    assert said == "this kernel has no setting vm.swapiness (host: kernel: sysctl)"
    (said,) = asked(tmp_path, no_zone=True)
    assert said == "this system has no time zone Etc/UTC in /usr/share/zoneinfo (host: time_zone)"


def test_a_password_that_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PG01_APP_PASSWORD")
    (said,) = asked(tmp_path)
    assert "PG01_APP_PASSWORD: is not set" in said
    assert said.endswith("(roles: app: password)")


def test_a_throw_away_host_may_be_small(tmp_path: Path) -> None:
    file = tmp_path / "prod-pg01.yaml"
    file.write_text(pg15() + "machine: {memory: 48GB}\n")
    here = Layout(load_target(file).spec)
    assert "the spec counts with 48GB" in "".join(refusals(here, FINE))
    assert list(refusals(here, FINE, throw_away=True)) == []


def test_no_docker_for_the_exporter(tmp_path: Path) -> None:
    (said,) = asked(tmp_path, docker="there is no docker")
    assert said.startswith(
        "the exporter is to run in a container, and there is no docker; install docker and"
    )
    assert "or take `exporter: {run: service}`" in said


def with_disk(tmp_path: Path, **found: Any) -> list[str]:
    file = tmp_path / "prod-pg01.yaml"
    text = pg15().replace("cluster: {free", "cluster: {mount: /mnt/data, free")
    file.write_text(text + vm())
    there = {**FINE, "memory": 48 << 30, "mounted": {"/mnt/data": False}, **found}
    return list(refusals(Layout(load_target(file).spec), there))


def test_a_vm_with_less_memory_than_the_spec_gives_it(tmp_path: Path) -> None:
    (said,) = with_disk(tmp_path, memory=32 << 30, disks={}, mounted={"/mnt/data": True})
    assert said == "the host has 32.0 GB of memory, the spec counts with 48GB"


def test_a_disk_that_will_be_mounted(tmp_path: Path) -> None:
    """What is not mounted yet, and how much is free below, is no reason then."""
    below = {**FINE["free"], "/mnt/data/pg01": 1 << 20}
    coming = {"scsi1": {"fault": "", "mounted": False}}
    assert with_disk(tmp_path, disks=coming, free=below) == []
    there = {"scsi1": {"fault": "", "mounted": True}}
    (said,) = with_disk(tmp_path, disks=there, free=below, mounted={"/mnt/data": True})
    assert said.startswith("1 MB are free for /mnt/data/pg01")


def test_a_disk_that_cannot_be_used(tmp_path: Path) -> None:
    (said,) = with_disk(tmp_path, disks={"scsi1": {"fault": "disk scsi1 holds xfs", "mounted": False}})
    assert said == "disk scsi1 holds xfs (vm: disks: scsi1)"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "there is no docker"),
        (
            "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1",
            "docker compose: docker: 'compose' is not a docker command.",
        ),
        (
            'test "$1" = compose || { echo "Cannot connect to the Docker daemon" >&2; exit 1; }',
            "docker version: Cannot connect to the Docker daemon",
        ),
        ("exit 0", ""),
    ],
    ids=["no docker", "no compose", "no daemon", "fine"],
)
def test_what_the_host_says_of_docker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, said: str
) -> None:
    if script is not None:
        (tmp_path / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert preflight._docker() == said


def pair(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate and its key."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x"]
    command = ["openssl", "req", "-x509", *words, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def test_a_certificate_and_its_key(tmp_path: Path) -> None:
    (one, key), (two, _) = pair(tmp_path, "one"), pair(tmp_path, "two")

    def faults(certificate: Path, key: Path) -> list[str]:
        given = f"tls: {{certificate: {certificate}, key: {{file: {key}}}}}"
        file = tmp_path / "prod-pg01.yaml"
        file.write_text(
            pg15().replace("tls: {self_signed: true, names: [pg01.example.org, 127.0.0.1]}", given)
        )
        return list(certificate_faults(Layout(load_target(file).spec)))

    assert faults(one, key) == []
    (said,) = faults(two, key)
    assert said == f"the private key of host: tls: key: is not that of the certificate {two}"
    assert "holds no certificate in PEM" in "".join(faults(key, key))
    assert "gives no private key in PEM" in "".join(faults(one, one))
    assert "No such file" in "".join(faults(tmp_path / "nowhere", key))
