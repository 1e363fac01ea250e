"""`apply` ends with what `check` would say: probes, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.side_by_side import closing
from tests.program import pgdeploy as pgdeploy_program

SPEC = """
postgres: 16
undeclared: {roles: ignore, attributes: ignore}
roles:
  owner: {}
  app: {login: true, password: {env: PROVED_APP}}
databases:
  shop:
    owner: owner
    grants:
      - {revoke: [ALL], on: database, from: [PUBLIC]}
      - {grant: [CONNECT], on: database, to: [app]}
"""


@pytest.fixture
def server(server16: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("PROVED_APP", "a secret")
    try:
        yield server16
    finally:
        _run(server16, "DROP DATABASE IF EXISTS shop WITH (FORCE)", "DROP ROLE IF EXISTS owner")
        _run(server16, "DROP ROLE IF EXISTS app")


def _run(server: Cluster, *texts: str) -> None:
    with closing(server.open()) as connection:
        for text in texts:
            connection.execute(text.encode())


def _pgdeploy(server: Cluster, folder: Path, *words: str) -> tuple[int, str]:
    spec = folder / "shop.yaml"
    spec.write_text(SPEC)
    done = pgdeploy_program(words[0], str(spec), "--dsn", server.dsn, *words[1:])
    return done.returncode, done.stdout + done.stderr


def test_apply_says_what_check_says_where_all_is_right(server: Cluster, tmp_path: Path) -> None:
    code, said = _pgdeploy(server, tmp_path, "apply", "--yes")
    assert code == 0, said
    assert "nothing is left to change" in said
    # the last line is check's own
    checked, told = _pgdeploy(server, tmp_path, "check")
    assert (checked, told.splitlines()[-1]) == (0, said.splitlines()[-1])
    assert "not asked" not in said


def test_apply_is_not_content_where_a_probe_is_red(server: Cluster, tmp_path: Path) -> None:
    """The spec says nothing of an end of the password, and the catalogue checks are told to ignore it."""
    assert _pgdeploy(server, tmp_path, "apply", "--yes")[0] == 0
    _run(server, "ALTER ROLE app VALID UNTIL '2001-01-01'")
    assert _pgdeploy(server, tmp_path, "plan")[0] == 0
    checked, _ = _pgdeploy(server, tmp_path, "check")
    code, said = _pgdeploy(server, tmp_path, "apply", "--yes")
    assert (code, checked) == (2, 2), said
    assert "role[app].logs_in drifts" in said


def test_what_apply_is_told_not_to_ask_is_named_and_counted(server: Cluster, tmp_path: Path) -> None:
    assert _pgdeploy(server, tmp_path, "apply", "--yes")[0] == 0
    _run(server, "ALTER ROLE app VALID UNTIL '2001-01-01'")
    code, said = _pgdeploy(server, tmp_path, "apply", "--yes", "--no-gate")
    assert code == 0
    assert said.splitlines()[-1] == "not asked, `pgdeploy check` asks them: probes: 5"


def test_what_is_unreadable_is_an_error_of_apply_too(
    server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _pgdeploy(server, tmp_path, "apply", "--yes")[0] == 0
    monkeypatch.delenv("PROVED_APP")
    code, said = _pgdeploy(server, tmp_path, "apply", "--yes", "--skip-unreadable")
    assert code == 1
    assert "role[app].password unreadable" in said
