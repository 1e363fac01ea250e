"""Lists of what is beyond the spec: whole in reports, and as much as a line holds for people."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg

from pgdeploy.connection.embedded import Cluster
from pgdeploy.one_line import LONGEST
from tests.output.command import run

SPEC = """\
postgres: 16
roles:
  postgres: {superuser: true}
undeclared: {roles: drift}
"""
STRAYS = [f"stray_{number:03}" for number in range(300)]


def test_every_item_of_a_list_is_reported(server16: Cluster, tmp_path: Path) -> None:
    spec = tmp_path / "shop.yaml"
    spec.write_text(SPEC)
    check = "role[others].undeclared"
    with psycopg.connect(server16.dsn) as connection:
        connection.execute("".join(f"CREATE ROLE {stray};" for stray in STRAYS).encode())
        connection.commit()
        try:
            _, said = run("check", str(spec), "--dsn", server16.dsn, "--json", "--no-probes")
            _, shown = run("check", str(spec), "--dsn", server16.dsn, "--no-probes")
        finally:
            connection.execute("".join(f"DROP ROLE {stray};" for stray in STRAYS).encode())
    (finding,) = [row for row in json.loads(said)["targets"][0]["findings"] if row["id"] == check]
    assert set(STRAYS) <= set(finding["actual"].split(", "))
    (line,) = [line for line in shown.splitlines() if "stray_000" in line and "actual" in line]
    assert "more characters)" in line
    assert len(line) < LONGEST + 100
