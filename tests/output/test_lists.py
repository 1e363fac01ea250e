"""Lists: whole in reports, as much as a line holds for people, and what many have in common said once."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg

from pgdeploy.reach.embedded import Cluster
from pgdeploy.text.one_line import LONGEST
from tests.conftest import cluster
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


AT_START = {"max_worker_processes": 9, "max_wal_senders": 11, "max_prepared_transactions": 5}


def test_one_restart_is_said_once_however_many_settings_wait_for_it(tmp_path: Path) -> None:
    spec = tmp_path / "shop.yaml"
    spec.write_text(
        f"postgres: 16\nsettings: {json.dumps(AT_START)}\nroles: {{postgres: {{superuser: true}}}}\n"
    )
    for server in cluster(16):
        way = (str(spec), "--dsn", server.dsn)
        _, planned = run("plan", *way)
        _, done = run("apply", *way, "--yes", "--no-gate")
        _, waiting = run("plan", *way)
    assert [line for line in planned.splitlines() if " a restart " in line] == [
        "-- takes effect by a restart of the server: 1, 2, 3"
    ]
    after = done.removeprefix(planned).splitlines()
    waits = ", ".join(f"setting[{name}].value" for name in AT_START)
    assert [line for line in after if " a restart " in line] == [
        f"not fixable here: {waits}: the file is right and waits for a restart of the server"
    ]
    assert waiting.count("the file is right and waits for a restart of the server") == 1
    for name, value in AT_START.items():
        assert f"setting[{name}].value: desired {value}, actual " in waiting
