"""What users install: the wheel and the sdist, complete and working outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("package")]


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run as a user would: without the checkout in Python's way."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and the wheel that is built from the sdist alone."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment with the wheel and its gate."""
    home = tmp_path_factory.mktemp("user")
    run(sys.executable, "-m", "venv", home / "venv", cwd=home)
    [wheel] = dist.glob("*.whl")
    run(home / "venv/bin/pip", "install", "--quiet", f"{wheel}[gate]", cwd=home)
    return home / "venv/bin"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own project: the specs, copied, and nothing else."""
    home = tmp_path_factory.mktemp("project")
    (home / "specs").mkdir()
    for spec in (ROOT / "specs").glob("*.yaml"):
        shutil.copy(spec, home / "specs")
    return home


def data_files() -> set[str]:
    """Every file that the packages need and that is no Python."""
    packages = {"pgdeploy": ROOT / "pgdeploy", "pytest_pgdeploy": ROOT / "plugin/pytest_pgdeploy"}
    return {
        f"{name}/{file.relative_to(folder)}"
        for name, folder in packages.items()
        for file in folder.rglob("*")
        if file.is_file() and file.suffix not in {".py", ".pyc"}
    }


def test_the_wheel_holds_the_packages_with_their_data(dist: Path) -> None:
    [wheel] = dist.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert data_files() <= names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "pgdeploy",
        "pyinfra_deploys",
        "pytest_pgdeploy",
    }
    assert "pyinfra_deploys/remote/configure.py" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_holds_what_the_tests_need(dist: Path) -> None:
    [sdist] = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {"LICENSE", "Makefile", "README.md", "pyproject.toml", "tests/conftest.py"} <= names
    assert not [name for name in names if name.startswith((".cache/", ".venv/", ".git/"))]


def test_the_command_works_outside_the_checkout(installed: Path, project: Path) -> None:
    assert "Usage" in run(installed / "pgdeploy", "--help", cwd=project).stdout
    advice = subprocess.run(
        [installed / "pgdeploy", "lint", "prod-pg01"],
        check=False,
        capture_output=True,
        text=True,
        cwd=project,
    )
    assert advice.returncode == 2
    assert "PGD101" in advice.stdout


def test_the_gate_is_loaded_and_collects_offline(installed: Path, project: Path) -> None:
    assert "--target" in run(installed / "pytest", "--help", cwd=project).stdout
    gate = run(installed / "pytest", "--target=prod-pg01", "--collect-only", "-q", cwd=project)
    assert "specs/prod-pg01.yaml::" in gate.stdout


def test_the_gate_leaves_a_project_without_targets_alone(installed: Path, project: Path) -> None:
    (project / "test_own.py").write_text("def test_own():\n    pass\n")
    assert "1 passed" in run(installed / "pytest", "-q", cwd=project).stdout
