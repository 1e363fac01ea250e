"""An SQL statement on one line means the same, to the server and to psql."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import example, given
from psycopg import sql

from pgdeploy.errors import PlanError
from pgdeploy.layers.server.change import Statement
from pgdeploy.postgres.sql_line import sql_line
from pgdeploy.reach.embedded import Cluster
from tests.conftest import programs
from tests.output.hostile import FORGED, NAMES, TEXTS, wrongs
from tests.properties.law import law


@pytest.fixture(scope="module")
def connection(server16: Cluster) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(server16.dsn, autocommit=True) as connection:
        yield connection


@law(150)
@given(name=NAMES, text=TEXTS)
@example(name="a\\\n", text="a\\\n\\")
@example(name="\U000e0041\U0001f418", text="\U000e0041\U0001f418'")
def test_the_server_reads_what_was_written(
    connection: psycopg.Connection[tuple[object, ...]], name: str, text: str
) -> None:
    written = sql.SQL("SELECT {} AS {}").format(sql.Literal(text), sql.Identifier(name)).as_string()
    line = sql_line(written)
    assert wrongs(line) == []
    assert "\n" not in line
    for conforming in ("on", "off"):
        connection.execute(f"SET standard_conforming_strings = {conforming}".encode())
        assert connection.execute(line.encode()).fetchone() == (text,)
    assert (connection.execute(line.encode()).description or [])[0].name == name
    assert sql_line(line) == line


def test_psql_runs_nothing(server16: Cluster, tmp_path: Path) -> None:
    rows = [
        sql.SQL("SELECT {} = {}, 1 AS {}").format(sql.Literal(text), sql.Literal(text), sql.Identifier(text))
        for text in FORGED.values()
    ]
    script = "".join(f"{sql_line(row.as_string())};\n" for row in rows)
    done = subprocess.run(
        [str((programs(16) or Path()) / "psql"), "-X", "-q", "-A", "-t", "-v", "x=pwned", "-d", server16.dsn],
        input=script,
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert (done.stderr, done.stdout) == ("", "t|1\n" * len(FORGED))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["GRANT x\\! id", "SELECT :x", "SELECT :'x'", 'SELECT "a', "SELECT 'a", "a\x1bb"]
)
def test_what_stands_outside_of_quotes_is_no_command(text: str) -> None:
    with pytest.raises(PlanError, match="no SQL of ours"):
        Statement(text)


def test_ordinary_sql_is_as_it_was() -> None:
    for text in ('GRANT SELECT ON TABLE "Ünï" TO "a::b"', "SELECT 'a:b'::text", "SET x TO E'a\\\\b'"):
        assert Statement(text).text == text
    assert Statement("SELECT\n  1").text == "SELECT 1"
