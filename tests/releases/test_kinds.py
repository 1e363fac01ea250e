"""Releases of other makes: revisions of Alembic, and a login that is no superuser."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.migrations.project import ENV, REVISION
from tests.releases.place import ORDERS, PASSWORD, Place

Shop = Callable[[str], Place]
KEPT_OUT = "release: {maintenance: {roles: [app{n}]}}\n"


def revision(place: Place, name: str, below: str | None, up: str, back: str) -> None:
    text = REVISION.format(
        doc=name, revision=name, down=f'"{below}"' if below else None, labels=None, up=up, back=back
    )
    (place.folder / f"migrations/versions/{name}.py").write_text(text)


def test_alembic(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    place.sql("DROP TABLE public.schema_versions")
    shutil.rmtree(place.folder / "migrations")
    (place.folder / "migrations/versions").mkdir(parents=True)
    (place.folder / "migrations/env.py").write_text(ENV)
    spec = place.folder / "specs/shop.yaml"
    spec.write_text(spec.read_text().replace("{sql: ", "{alembic: "))
    revision(place, "a1", None, "op.execute('SELECT 1')", "op.execute('SELECT 1')")
    place.release()
    revision(
        place,
        "b2",
        "a1",
        "op.add_column('orders', sa.Column('note', sa.Text))",
        "op.drop_column('orders', 'note')",
    )
    revision(place, "c3", "b2", "op.execute('SELECT 1 / 0')", "pass")

    def versions() -> list[tuple[object, ...]]:
        return place.sql("SELECT version_num FROM public.alembic_version")

    said = place.release(status=2)
    assert "division by zero" in said
    assert f"{place.database}: took back b2: b2" in said
    assert (versions(), place.limit, place.orders) == ([("a1",)], 20, ORDERS)
    revision(
        place, "c3", "b2", "op.create_table('extra', sa.Column('id', sa.Integer))", "op.drop_table('extra')"
    )
    assert "all is well" in place.run("rehearse")
    place.release("--require-rehearsal", "1h")
    assert versions() == [("c3",)]
    place.run("rollback", "--release", place.newest, "--yes")
    assert versions() == [("a1",)]
    revision(place, "d4", "c3", "op.execute('SELECT 1')", "pass")
    said = place.run("release", "--dry-run", status=None)
    assert f"undo of {place.database}: d4: a restore of the backup that the release makes" in said


def test_without_superuser(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a managed server: whoever releases owns the owner's role, and may end sessions."""
    place = shop("release: {backup: none, maintenance: {roles: [app{n}]}}\n")
    keeper = f"keeper{place.number}"
    place.sql(f"CREATE ROLE {keeper} LOGIN CREATEROLE PASSWORD '{PASSWORD}'")
    place.sql(f"GRANT owner{place.number}, {place.app} TO {keeper} WITH ADMIN OPTION")
    place.sql(f"GRANT pg_signal_backend, pg_monitor TO {keeper}")
    spec = place.folder / "specs/shop.yaml"
    way = place.server.dsn.replace("user=postgres", f"user={keeper}")
    text = (
        spec.read_text()
        .replace(place.server.dsn, way)
        .replace("  postgres: {superuser: true, login: true}\n", "")
    )
    spec.write_text(text + "smoke: {checks: ['migration[*', 'grant[*', 'schema[*']}\n")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    user = place.as_app()
    said = place.release()
    user.close()
    assert "done" in said
    assert (place.versions, place.limit, place.orders) == (["0001", "0002", "0003"], 20, ORDERS)
    place.write({"0004_bad.up": "SELECT 1 / 0;\n", "0005_x.up": "SELECT 1;\n"})
    assert "rolled back" in place.release(status=2)
    assert place.limit == 20
