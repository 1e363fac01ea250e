"""Advice on revisions: what each rule finds, at the line that made it, and what silences it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgdeploy.gate.target import load_target
from pgdeploy.layers.migration.lint import MigrationAdvice, advice_of
from tests.migrations.project import ENV, SPEC, write_project, write_revision

GOOD = "op.create_table('t', sa.Column('id', sa.BigInteger, sa.Identity(), primary_key=True))"
BACK = "op.drop_table('t')"
ADD = "op.execute(\"ALTER TYPE mood ADD VALUE IF NOT EXISTS 'sad' AFTER 'ok'\")"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/shop.yaml").write_text(SPEC.format(major=16, database="shop", more=""))
    folder = write_project(tmp_path, 0)
    write_revision(folder, "a", None, GOOD, BACK)
    return folder


def advice(scripts: Path) -> list[MigrationAdvice]:
    spec = load_target(scripts.parent / "specs/shop.yaml").spec
    return list(advice_of(spec, "shop", spec.migrations["shop"]))  # type: ignore[attr-defined]


def told(scripts: Path) -> list[tuple[str, int, str]]:
    return [(Path(one.file).stem, one.line, one.rule) for one in advice(scripts)]


def test_what_is_good_is_left_alone(scripts: Path) -> None:
    assert advice(scripts) == []


@pytest.mark.parametrize(
    ("up", "back", "rule", "good"),
    [
        ("op.drop_column('t', 'x')", "pass", "ban-drop-column", ""),
        (
            "op.create_index('i', 't', ['id'])",
            "op.drop_index('i')",
            "require-concurrent-index-creation",
            (
                "with op.get_context().autocommit_block():\n"
                "        op.create_index('i', 't', ['id'], postgresql_concurrently=True)"
            ),
        ),
        (
            "op.add_column('t', sa.Column('x', sa.Text, nullable=False))",
            "op.drop_column('t', 'x')",
            "adding-required-field",
            "op.add_column('t', sa.Column('x', sa.Text))",
        ),
        (
            "op.add_column('t', sa.Column('x', sa.Text, server_default=sa.func.gen_random_uuid()))",
            "op.drop_column('t', 'x')",
            "adding-field-with-default",
            "op.add_column('t', sa.Column('x', sa.Text, server_default='x'))",
        ),
        ("op.alter_column('t', 'id', type_=sa.Text)", "op.execute('SELECT 1')", "changing-column-type", ""),
        (
            "op.execute('GRANT SELECT ON t TO anybody')",
            "op.execute('SELECT 1')",
            "undeclared-role",
            "op.execute('GRANT SELECT ON t TO reader, PUBLIC, CURRENT_USER')",
        ),
        ("op.execute('SELECT 1')", "pass", "no-downgrade", ""),
        (
            "op.get_bind().execute(sa.text('SELECT 1')).scalar_one()",
            "op.execute('SELECT 1')",
            "not-offline",
            "",
        ),
        (
            f"{ADD}\n    op.execute(\"UPDATE t SET mood = 'sad'\")",
            "op.execute('SELECT 1')",
            "enum-value-used",
            f"with op.get_context().autocommit_block():\n        {ADD}\n    op.execute(\"UPDATE t SET mood = 'sad'\")",
        ),
        (
            f"{ADD}\n    op.execute(\"ALTER TABLE t ALTER mood SET DEFAULT 'sad'\")",
            "op.execute('SELECT 1')",
            "enum-value-used",
            f"op.execute(\"CREATE TYPE mood AS ENUM ('ok')\")\n    {ADD}\n    op.execute(\"SELECT 'sad'::mood\")",
        ),
    ],
)
def test_each_rule(up: str, back: str, rule: str, good: str, scripts: Path) -> None:
    """At the line of upgrade() that does it; the same done well is no matter."""
    write_revision(scripts, "b", "a", f"op.execute('SELECT 0')\n    {up}", back)
    line = {"no-downgrade": 16, "not-offline": 1, "enum-value-used": 14}.get(rule, 13)
    assert ("b", line, rule) in told(scripts)
    if good:
        write_revision(scripts, "b", "a", good, back)
        assert rule not in [found for _, _, found in told(scripts)]


def test_two_heads(scripts: Path) -> None:
    for name in ("left", "right"):
        write_revision(scripts, name, "a", "op.execute('SELECT 1')", "op.execute('SELECT 1')")
    assert [one for one in told(scripts) if one[2] == "several-heads"]


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("# pgdeploy: allow ban-drop-column until 2999-01-01: nobody reads it any more", []),
        (
            "# pgdeploy: allow ban-drop-column until 2001-01-01: nobody reads it any more",
            ["allow", "ban-drop-column"],
        ),
        ("# pgdeploy: allow ban-drop-column: nobody reads it any more", ["allow", "ban-drop-column"]),
        (
            "# pgdeploy: allow ban-drop-column until soon: nobody reads it any more",
            ["allow", "ban-drop-column"],
        ),
        ("# pgdeploy: allow ban-drop-column until 2999-01-01: no", ["allow", "ban-drop-column"]),
        (
            "# pgdeploy: allow ban-drop-table until 2999-01-01: nobody reads it any more",
            ["allow", "ban-drop-column"],
        ),
    ],
)
def test_a_comment_silences_one_rule_for_a_reason_and_until_a_day(
    comment: str, left: list[str], scripts: Path
) -> None:
    up = "op.drop_column('t', 'id')"
    write_revision(scripts, "b", "a", f"{comment}\n    {up}", "op.execute('SELECT 1')")
    assert sorted(rule for _, _, rule in told(scripts)) == left
    write_revision(scripts, "b", "a", f"{up}  {comment}", "op.execute('SELECT 1')")
    assert sorted(rule for _, _, rule in told(scripts)) == left


def test_squawks_own_configuration_counts(scripts: Path) -> None:
    write_revision(scripts, "b", "a", "op.drop_column('t', 'id')", "op.execute('SELECT 1')")
    (scripts.parent / ".squawk.toml").write_text('excluded_rules = ["ban-drop-column"]\n')
    assert advice(scripts) == []


def test_env_is_not_asked_for_a_database(scripts: Path) -> None:
    (scripts / "env.py").write_text(ENV.replace("nowhere.invalid", "also.nowhere.invalid"))
    assert advice(scripts) == []
