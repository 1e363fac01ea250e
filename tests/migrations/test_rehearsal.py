"""The rehearsal: what a way back leaves behind, what is not the same the second time, what is locked and rewritten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.migrations.project import SPEC, write_project, write_revision
from tests.program import pgdeploy as pgdeploy_program


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/shop.yaml").write_text(SPEC.format(major=16, database="shop", more=""))
    return write_project(tmp_path, 4)


def rehearsed(scripts: Path) -> tuple[int, str]:
    done = pgdeploy_program("migrate", "shop", "rehearse", cwd=scripts.parent)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def found(scripts: Path, says: list[str]) -> list[str]:
    """The lines of findings, of which each says its part and there are no others."""
    code, said = rehearsed(scripts)
    lines = [line for line in said.splitlines() if line.startswith(str(scripts))]
    assert code == (2 if says else 0), said
    assert len(lines) == len(says), said
    for line, words in zip(lines, says, strict=True):
        assert words in line
    return lines


def test_twenty_revisions(scripts: Path) -> None:
    """All that they lock, and no finding."""
    write_project(scripts.parent)
    code, said = rehearsed(scripts)
    assert code == 0, said
    assert "shop: 20 revisions rehearsed, 0 findings" in said
    added = "r02:12: ALTER TABLE orders ADD COLUMN day DATE: AccessExclusiveLock on orders"
    assert re.search(rf"{added} \(0\.\d+s\)\n", said)
    assert "TYPE BIGINT: AccessExclusiveLock on orders, ShareLock on orders; rewrites orders" in said
    assert "r05:12: CREATE INDEX orders_day ON orders (day): ShareLock on orders" in said
    assert "r01" not in said, "what a revision makes itself, nobody waits for"


@pytest.mark.parametrize(
    ("up", "back", "says"),
    [
        (
            "op.create_table('left', sa.Column('id', sa.Integer))",
            "pass",
            ["not-taken-back: downgrade() does not lead back: + CREATE TABLE public", "not-repeatable"],
        ),
        (
            "op.execute('COMMENT ON TABLE orders IS $$other$$')",
            "op.execute('COMMENT ON TABLE orders IS NULL')",
            [
                "not-taken-back: downgrade() does not lead back: - COMMENT ON TABLE public.orders IS 'what was sold'"
            ],
        ),
        (
            "op.execute('CREATE SEQUENCE s')",
            "op.execute('DROP SEQUENCE s; DROP TABLE orders')",
            ["not-taken-back: downgrade() does not lead back: - CREATE TABLE public.orders"],
        ),
        (
            "op.execute('SELECT 1')",
            "raise NotImplementedError('one way')",
            ["b.py:16: not-taken-back: downgrade() fails: NotImplementedError: one way"],
        ),
        (
            "op.execute('SELECT 1 / 0')",
            "pass",
            ["fails: upgrade() fails, and what comes after it was not rehearsed: division by zero"],
        ),
        (
            "op.execute(\"DO 'BEGIN IF to_regclass(''seen'') IS NULL THEN CREATE SCHEMA seen; ELSE END IF; END'\")",
            "op.execute('DROP SCHEMA seen')",
            [],
        ),
        (
            "op.execute('ALTER TABLE orders SET UNLOGGED')",
            "op.execute('ALTER TABLE orders SET LOGGED')",
            ["12: table-rewrite: rewrites orders while nobody can read it, which no advice says"],
        ),
    ],
)
def test_what_does_not_lead_back(up: str, back: str, says: list[str], scripts: Path) -> None:
    write_revision(scripts, "b", "r04", up, back)
    for line in found(scripts, says):
        assert f"{scripts}/versions/b.py:" in line


def test_a_comment_allows_it(scripts: Path) -> None:
    """Above the line that is named: of what fails its own, of another schema the first."""
    comment = "# pgdeploy: allow not-taken-back until 2999-01-01: the way back is a restore"
    back = f"{comment}\n    raise NotImplementedError('one way')"
    write_revision(scripts, "b", "r04", "op.execute('SELECT 1')", back)
    left = "op.execute('COMMENT ON TABLE orders IS $$other$$')"
    write_revision(scripts, "c", "b", left, "op.execute('COMMENT ON TABLE orders IS NULL')")
    file = scripts / "versions" / "c.py"
    file.write_text(f"{comment}\n{file.read_text()}")
    code, said = rehearsed(scripts)
    assert code == 0, said


def test_nothing_after_what_fails_is_called_rehearsed(scripts: Path) -> None:
    write_revision(scripts, "b", "r04", "op.execute('SELECT 1 / 0')")
    write_revision(scripts, "c", "b", "op.execute('SELECT 1')")
    code, said = rehearsed(scripts)
    assert (code, "shop: 4 revisions rehearsed, 1 finding" in said) == (2, True), said


def test_a_table_that_no_grant_reaches(scripts: Path) -> None:
    """A grant on all tables reaches it, and so do default privileges, a grant on it, and an owner who logs in."""
    file = scripts.parent / "specs/shop.yaml"
    whole = file.read_text()
    grants = "    grants:\n      - {grant: [SELECT], on: {schema: public, all: tables}, to: [reader]}\n"
    assert grants in whole
    file.write_text(whole.replace(grants, ""))
    code, said = rehearsed(scripts)
    assert code == 2
    [line] = [line for line in said.splitlines() if "unreached-table" in line]
    assert line.startswith(f"{scripts}/versions/r01.py:12: unreached-table: nobody can use public.orders: ")
    defaults = "    default_privileges: [{for: owner, in_schema: public, grant: [SELECT], on: tables, to: [reader]}]\n"
    one = "    grants: [{grant: [SELECT], on: {schema: public, table: orders}, to: [reader]}]\n"
    for text in (
        whole.replace(grants, defaults),
        whole.replace(grants, one),
        whole.replace(grants, "").replace("owner: {}", "owner: {login: true, password: {env: OWNER}}"),
        whole.replace(grants, "").replace("reader: {}", "reader: {login: true, member_of: [owner]}"),
    ):
        file.write_text(text)
        code, said = rehearsed(scripts)
        assert code == 0, said
