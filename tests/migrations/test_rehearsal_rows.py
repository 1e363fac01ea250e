"""Rows in a rehearsal: what a revision loses of them, or its way back does not bring back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migrations.project import SPEC, write_project, write_revision
from tests.migrations.test_rehearsal import found, rehearsed

ROWS = (
    "INSERT INTO orders (note, total, day) VALUES ('a', 1, '2026-01-01'), ('b', 2, NULL), ('b', 2, NULL);\n"
)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "rows.sql").write_text(ROWS)
    return spec(tmp_path)


def spec(place: Path, more: str = "") -> Path:
    text = SPEC.format(major=16, database="shop", more=f", fixtures: {{r02: ../rows.sql}}{more}")
    (place / "specs/shop.yaml").write_text(text)
    return write_project(place, 4)


DROPS = ("op.drop_column('orders', 'day')", "op.add_column('orders', sa.Column('day', sa.Date))")


@pytest.mark.parametrize(
    ("up", "back", "says"),
    [
        ("op.execute('SELECT 1')", "op.execute('SELECT 1')", []),
        ("op.rename_table('orders', 'sold')", "op.rename_table('sold', 'orders')", []),
        (
            "op.execute('CREATE TABLE other AS TABLE orders; DROP TABLE orders; ALTER TABLE other RENAME TO orders')",
            "op.execute('SELECT 1')",
            ["not-taken-back"],
        ),
        (*DROPS, ["rows-lost: downgrade() does not bring back: the values of public.orders.day"]),
        (
            "op.execute('DELETE FROM orders WHERE total = 2')",
            "op.execute('SELECT 1')",
            [
                "rows-lost: upgrade() loses: 2 of 3 rows of public.orders",
                "rows-lost: downgrade() does not bring back: 2 of 3 rows of public.orders",
            ],
        ),
        (
            "op.execute('UPDATE orders SET total = total / 2')",
            "op.execute('UPDATE orders SET total = total * 2')",
            ["rows-lost: downgrade() does not bring back: the values of public.orders.total"],
        ),
        (
            "op.execute(\"INSERT INTO orders (note, total) VALUES ('new', 1)\")",
            "op.execute(\"DELETE FROM orders WHERE note = 'new'\")",
            [],
        ),
    ],
)
def test_what_becomes_of_rows(up: str, back: str, says: list[str], scripts: Path) -> None:
    write_revision(scripts, "b", "r04", up, back)
    found(scripts, says)


def test_a_loss_that_is_declared(scripts: Path) -> None:
    """In the spec or by a comment; when its day is over it is none any more."""
    write_revision(scripts, "b", "r04", *DROPS)
    declared = ", destructive: {{b: {{until: {}, reason: nobody reads it any more}}}}"
    for day, expected in (("2999-01-01", 0), ("2001-01-01", 2)):
        spec(scripts.parent, declared.format(day))
        write_revision(scripts, "b", "r04", *DROPS)
        code, said = rehearsed(scripts)
        assert code == expected, said
    spec(scripts.parent)
    file = scripts / "versions" / "b.py"
    comment = "# pgdeploy: allow rows-lost until 2999-01-01: nobody reads it any more\n"
    file.write_text(comment + file.read_text())
    code, said = rehearsed(scripts)
    assert code == 0, said


def test_after_a_way_back_that_fails_the_rows_are_still_looked_at(scripts: Path) -> None:
    write_revision(scripts, "b", "r04", "op.execute('SELECT 1')", "raise NotImplementedError('one way')")
    write_revision(scripts, "c", "b", "op.execute('TRUNCATE orders')", "op.execute('SELECT 1')")
    code, said = rehearsed(scripts)
    assert code == 2
    assert "b.py:16: not-taken-back: downgrade() fails: NotImplementedError: one way" in said
    assert "c.py:1: rows-lost: upgrade() loses: 3 of 3 rows of public.orders" in said
    assert "6 revisions rehearsed, 4 findings" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("INSERT INTO orders (total) VALUES ('many')", "rows.sql: after revision r02: invalid input syntax"),
        (None, "rows.sql: No such file or directory"),
    ],
)
def test_fixtures_that_cannot_be_written(text: str | None, says: str, scripts: Path) -> None:
    file = scripts.parent / "rows.sql"
    file.unlink() if text is None else file.write_text(text)
    code, said = rehearsed(scripts)
    assert (code, says in said) == (1, True), said


def test_fixtures_of_a_revision_that_is_none(scripts: Path) -> None:
    file = scripts.parent / "specs/shop.yaml"
    file.write_text(file.read_text().replace("r02", "r2"))
    code, said = rehearsed(scripts)
    assert (code, "fixtures: there is no revision r2; known: r01, r02" in said) == (1, True), said
