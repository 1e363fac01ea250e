"""Migrations on a real host, over ssh: `pgdeploy up` deploys, migrates, and grants on what was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.machine import Machine, said
from tests.host.texts import pg15
from tests.migrations.project import write_project, write_revision

pytestmark = [pytest.mark.docker, pytest.mark.long]


def test_up_runs_them_and_grants_on_what_they_made(pg01: Machine, tmp_path: Path) -> None:
    """As the owner, who is neither the login nor a superuser; the second time nothing is left to do."""
    scripts = write_project(tmp_path, 6)
    grants = "      - {grant: [SELECT], on: {schema: public, table: orders}, to: [postgres_exporter]}\n"
    spec = pg15().replace(
        "    grants: [{revoke: [CONNECT, TEMPORARY], on: database, from: [PUBLIC]}]\n",
        "    schemas: {public: {owner: app}}\n    grants:\n"
        f"      - {{revoke: [CONNECT, TEMPORARY], on: database, from: [PUBLIC]}}\n{grants}",
    )
    pg01.spec(f"{spec}migrations: {{shop: {{alembic: {scripts}}}}}\n")
    done = pg01.pgdeploy("up", "prod-pg01")
    assert "upgraded to r06" in said(done)
    assert done.returncode == 0, said(done)
    owner = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'public.orders'::regclass"
    assert pg01.sql(owner, "shop") == "app"
    granted = "SELECT has_table_privilege('postgres_exporter', 'public.orders', 'SELECT')"
    assert pg01.sql(granted, "shop") == "t"
    again = pg01.pgdeploy("up", "prod-pg01")
    assert again.returncode == 0, said(again)
    assert "upgraded to" not in said(again)
    # what a revision grants and no line of the spec says is not taken away without a word
    up = "op.execute('GRANT INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON orders TO postgres_exporter')"
    write_revision(scripts, "x1", "r06", up, "op.execute('REVOKE INSERT ON orders FROM postgres_exporter')")
    lossy = pg01.pgdeploy("up", "prod-pg01")
    assert lossy.returncode == 2, said(lossy)
    assert pg01.sql(granted.replace("SELECT')", "TRUNCATE')"), "shop") == "t"
    pg01.sql(
        "REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON orders FROM postgres_exporter",
        "shop",
    )
    down = pg01.pgdeploy("migrate", "prod-pg01", "down", "--steps", "1", "--yes")
    assert down.returncode == 0, said(down)
    red = pg01.pgdeploy("check", "prod-pg01", "--layer", "migration")
    assert red.returncode == 2
    assert "migration[shop].head drifts" in said(red)
