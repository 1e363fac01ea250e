"""`pytest --target=shop -m migrations`: the gate's checks, and the rehearsal with an item for each revision."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.migrations.project import ENV, SPEC, write_project, write_revision

MODELS = """
import sqlalchemy as sa
metadata = sa.MetaData()
sa.Table("orders", metadata, sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("note", sa.Text), sa.Column("total", sa.Integer, nullable=False), sa.Column("day", sa.Date),
    comment="what was sold")
"""
WITH_MODELS = MODELS + ENV.replace(
    "connection=connection)", "connection=connection, target_metadata=metadata)"
)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/shop.yaml").write_text(SPEC.format(major=16, database="shop", more=""))
    return write_project(tmp_path, 2, WITH_MODELS)


def run(scripts: Path, *words: str, marker: str = "migrations") -> str:
    command = [sys.executable, "-m", "pytest", "--target=shop", "--on=embedded", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, f"-m{marker}", *words],
        cwd=scripts.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stdout
    return done.stdout + done.stderr


def red(said: str) -> set[str]:
    return set(re.findall(r"^(?:FAILED|ERROR) specs/shop.yaml::(.*?)(?: - |$)", said, re.MULTILINE))


def test_an_item_for_each_revision(scripts: Path) -> None:
    """And only where somebody asks for it: the gate itself rehearses nothing."""
    said = run(scripts)
    assert "9 passed" in said, said
    listed = run(scripts, "--collect-only", "-q")
    assert "shop.yaml::rehearsal[shop: r02].revision\n" in listed
    for name in ("upgrade", "models", "grants"):
        assert f"shop.yaml::rehearsal[shop].{name}\n" in listed
    for marker in ("migration", "not probe"):
        assert "rehearsal[" not in run(scripts, "--collect-only", "-q", marker=marker)


@pytest.mark.parametrize(
    ("up", "back", "expected"),
    [
        (
            "op.create_table('rest', sa.Column('id', sa.Integer))",
            "pass",
            {"rehearsal[shop: r03].revision", "rehearsal[shop].upgrade"},
        ),
        ("op.execute('SELECT 1 / 0')", "pass", {"rehearsal[shop: r03].revision", "rehearsal[shop].upgrade"}),
        (
            "op.drop_column('orders', 'day')",
            "op.add_column('orders', sa.Column('day', sa.Date))",
            {"rehearsal[shop].models"},
        ),
        (
            "op.execute('CREATE SEQUENCE IF NOT EXISTS s')",
            "op.execute('SELECT 1')",
            {"rehearsal[shop: r03].revision"},
        ),
    ],
)
def test_what_is_broken_turns_its_item_red(up: str, back: str, expected: set[str], scripts: Path) -> None:
    """What comes after a revision that fails is not asked."""
    write_revision(scripts, "r03", "r02", up, back)
    write_revision(scripts, "r04", "r03", "op.execute('SELECT 1')", "op.execute('SELECT 1')")
    said = run(scripts, "-k", "rehearsal", "-rfs")
    assert red(said) == expected, said
    assert ("revision r03 fails: rehearsal[shop: r04].revision" in said) == ("upgrade" in str(expected))


def test_a_table_that_nobody_may_use(scripts: Path) -> None:
    spec = scripts.parent / "specs/shop.yaml"
    spec.write_text(re.sub(r"    grants:\n.*\n", "", spec.read_text()))
    assert red(run(scripts)) == {"rehearsal[shop].grants"}


def test_scripts_that_cannot_be_read(scripts: Path) -> None:
    """Whoever is asked first says why, and nothing that rests on them passes."""
    (scripts / "versions/r02.py").write_text("revision = 'r02'\ndown_revision = 'gone'\n")
    said = run(scripts)
    assert "gone" in said
    wanting = {
        "migration[shop].scripts",
        *(f"rehearsal[shop].{one}" for one in ("upgrade", "models", "grants")),
    }
    assert red(said) == wanting, said
