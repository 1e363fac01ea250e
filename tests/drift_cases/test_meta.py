"""The proof of the proof: nothing that a spec can say goes unchecked, and no check goes without its red and green."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pgdeploy.core.check import Finding
from pgdeploy.errors import SpecError
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.kinds import KINDS
from pgdeploy.model.connect import InContainer
from pgdeploy.model.docker import DockerSpec
from pgdeploy.model.host.spec import HostSpec
from pgdeploy.model.release import MaintenanceSpec, PgbouncerSpec, ReleaseSpec
from pgdeploy.model.smoke import SmokeSpec
from pgdeploy.model.spec import Spec
from pgdeploy.model.undeclared import UndeclaredOfRole, UndeclaredPrivileges
from pgdeploy.model.vm import VmSpec
from tests.diff import diff
from tests.drift_cases import coverage
from tests.drift_cases.bench import Bench, base_spec, several, with_extension
from tests.drift_cases.cases import CASES
from tests.drift_cases.names import PLAIN, Names
from tests.drift_cases.test_variant import VARIANTS

MAJORS = (14, 15, 16, 17, 18)

NO_CHECK = {
    "Spec.description": "for readers",
    "Spec.source": "for readers",
    "Spec.connect": "how the server is reached",
    "ConnectSpec.dsn": "how the server is reached",
    "ConnectSpec.require_auth": "how the server is reached",
    "ConnectSpec.ssh": "how the server is reached",
    "ConnectSpec.docker": "how the server is reached",
    "Spec.docker": "how the server is reached",
    "Ssh.host": "how the server is reached",
    "Ssh.user": "how the server is reached",
    "Ssh.port": "how the server is reached",
    "Ssh.key": "how the server is reached",
    "Ssh.known_hosts": "how the server is reached",
    "Ssh.config": "how the server is reached",
    "Spec.machine": "what lint counts with",
    "Machine.memory": "what lint counts with",
    "Machine.cores": "what lint counts with",
    "Spec.host": "tests/host has its own proof",
    **dict.fromkeys(coverage.fields(HostSpec), "tests/host has its own proof"),
    "Spec.vm": "tests/vm has its own proof",
    **dict.fromkeys(coverage.fields(VmSpec), "tests/vm has its own proof"),
    "Spec.waivers": "what lint keeps quiet about",
    "Waiver.rule": "what lint keeps quiet about",
    "Waiver.on": "what lint keeps quiet about",
    "Waiver.check": "what the gate shows as waived: tests/plugin/test_waiver.py",
    "Waiver.reason": "what lint keeps quiet about",
    "Waiver.until": "what lint keeps quiet about",
    "Undeclared.attributes": "the base spec says its default; tests/drift_cases/test_variant.py shows the others",
    **dict.fromkeys(
        (
            *("RoleSpec.undeclared", "DatabaseSpec.undeclared", "SchemaSpec.undeclared"),
            *coverage.fields(UndeclaredPrivileges),
            *coverage.fields(UndeclaredOfRole),
        ),
        "the base spec says its default; tests/test_unmanaged.py shows the other",
    ),
    "RoleSpec.purpose": "what lint and the probes ask of a backup role",
    "RoleSpec.reassign_owned_to": "how an absent role goes; its red/green cases show it",
}
"""Fields that no check of the catalogue speaks of, and why."""


def _target(folder: Path, major: int) -> Target:
    file = folder / f"meta{major}.yaml"
    file.write_text(Names(PLAIN).yaml(with_extension(base_spec(major), major, "1.0")))
    return load_target(file)


def _proved() -> set[str]:
    """Every check id that some case or variant turns red."""
    red = {known for cases in CASES.values() for case in cases for known in several(case.red)}
    red |= {known for variant in VARIANTS for known in several(variant.red)}
    return {Names(PLAIN).id(known.replace("$extension", "vector")) for known in red}


def test_every_kind_has_cases() -> None:
    kinds = {module.__name__.rpartition(".")[2] for module in KINDS}
    # no SQL changes the version: its proof is a variant of the spec
    assert kinds == {*CASES, "version"}
    assert all(CASES.values())


@pytest.mark.parametrize("major", MAJORS)
def test_every_check_has_a_case(tmp_path: Path, major: int) -> None:
    emitted = {coverage.family(check.id) for check in _target(tmp_path, major).checks}
    proved = {coverage.family(known) for known in _proved()}
    assert emitted - proved == set()


def test_the_base_spec_says_everything(tmp_path: Path) -> None:
    said = {label for major in MAJORS for label, _ in coverage.written(_target(tmp_path, major).spec)}
    elsewhere = {"Spec.host", "Spec.vm", *coverage.fields(HostSpec), *coverage.fields(VmSpec)}
    for section in (ReleaseSpec, MaintenanceSpec, PgbouncerSpec):  # how a release goes about it
        elsewhere |= {"Spec.release", *coverage.fields(section)}
    # how a container is reached
    elsewhere |= {
        "ConnectSpec.docker",
        "Spec.docker",
        *coverage.fields(InContainer),
        *coverage.fields(DockerSpec),
    }
    elsewhere |= {"Spec.smoke", *coverage.fields(SmokeSpec)}  # chooses among checks, and has none
    assert {*coverage.fields(Spec), *NO_CHECK} - said - elsewhere - {
        "ConnectSpec.dsn",
        "ConnectSpec.require_auth",
    } == set()


def test_every_field_is_checked(benches: Callable[[str], Bench], tmp_path: Path) -> None:
    """Leaving any field out changes which checks there are, what they desire, or what they say of the server."""
    bench = benches("18")
    facts = bench.read()
    data = YAML(typ="safe").load(bench.target.file)

    def gate(target: Target | None) -> list[tuple[object, ...]]:
        return [_said(finding) for finding in diff(target.checks, facts)] if target else []

    before, silent = gate(bench.target), set()
    for label, paths in _places(bench.target).items():
        if label not in NO_CHECK and all(gate(_without(data, path, tmp_path)) == before for path in paths):
            silent.add(label)
    assert silent == set()


def _places(target: Target) -> dict[str, list[coverage.Path]]:
    found: dict[str, list[coverage.Path]] = {}
    for label, path in coverage.written(target.spec):
        found.setdefault(label, []).append(path)
    return found


def _without(data: Any, path: coverage.Path, folder: Path) -> Target | None:
    """The spec without this; a field that others need goes with what it is part of, None when all of it goes."""
    if not path:
        return None
    file = folder / "without.yaml"
    try:
        file.write_text(json.dumps(coverage.without(data, path), default=str))
        return load_target(file)
    except (SpecError, ValueError):  # ValueError: a short form such as `on: database`
        return _without(data, path[:-1], folder)


def _said(finding: Finding) -> tuple[object, ...]:
    return finding.check.id, finding.verdict, finding.desired, finding.remedy.text
