"""What is known of a throw-away host before there is one: which Debian it is, and what is said without docker."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgdeploy.errors import TargetError
from pgdeploy.gate.container.image import image
from pgdeploy.gate.container.system import system
from pgdeploy.gate.target import Target, load_target


def target(folder: Path, text: str) -> Target:
    file = folder / "some.yaml"
    file.write_text(text)
    return load_target(file)


@pytest.mark.parametrize(
    ("text", "debian"),
    [
        ("postgres: 15", "debian-12"),
        ("postgres: 17", "debian-13"),
        ("postgres: 16\nhost: {packages: {source: pgdg}}", "debian-12"),
        (
            "postgres: 16\nhost: {packages: {source: {uri: 'http://x/', suite: trixie-pgdg, key: x.asc}}}",
            "debian-13",
        ),
    ],
)
def test_which_debian(tmp_path: Path, text: str, debian: str) -> None:
    assert system(target(tmp_path, text).spec) == debian


def test_no_debian_has_it(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="PostgreSQL 15 and 17, and the spec is for 16"):
        system(target(tmp_path, "postgres: 16").spec)


def test_without_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TargetError, match="needs docker, and it cannot be run: No such file"):
        image("debian-12")
