"""SARIF: the same advice, at the same places, in the shape that code hosts read."""

from __future__ import annotations

import json
from pathlib import Path

from tests.migrations.project import SPEC, write_project, write_revision
from tests.program import pgdeploy as pgdeploy_program


def said(place: Path, *words: str, status: int) -> str:
    done = pgdeploy_program(*words, cwd=place)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def places(text: str) -> list[str]:
    """As the same advice is written in lines."""
    data = json.loads(text)
    assert data["version"] == "2.1.0"
    [run] = data["runs"]
    known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    found = []
    for result in run["results"]:
        assert result["ruleId"] in known
        assert result["level"] in ("error", "warning", "note")
        [location] = result["locations"]
        where = location["physicalLocation"]
        assert where["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
        region = where["region"]
        found.append(
            f"{where['artifactLocation']['uri']}:{region['startLine']}: {result['ruleId']}: {result['message']['text']}"
        )
    return found


def test_of_migrations(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/shop.yaml").write_text(SPEC.format(major=16, database="shop", more=""))
    scripts = write_project(tmp_path, 1)
    write_revision(scripts, "r02", "r01", "op.drop_table('orders')", "raise NotImplementedError('one way')")
    for action in ("lint", "rehearse"):
        lines = said(tmp_path, "migrate", "shop", action, status=2).splitlines()
        expected = [line.removeprefix(f"{tmp_path}/") for line in lines if line.startswith(str(tmp_path))]
        assert expected
        assert places(said(tmp_path, "migrate", "shop", action, "--sarif", status=2)) == expected


def test_of_a_spec(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/shop.yaml").write_text("postgres: 16\nsettings: {fsync: false}\n")
    lines = said(tmp_path, "lint", "shop", status=2).splitlines()
    found = places(said(tmp_path, "lint", "shop", "--sarif", status=2))
    assert len(found) == len(lines)
    for line, result in zip(lines, found, strict=True):
        file, number, _, text = line.split(":", 3)
        assert result.startswith(f"{file}:{number}: ")
        assert result.endswith(text.strip())
