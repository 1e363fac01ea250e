from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pgdeploy.errors import SpecError
from pgdeploy.spec.loader import load
from tests.spec.example import Example, load_text

TEXT = """\
roles:
  app:
    login: true
    valid_until: 2027-01-01
    password: {env: APP_PASSWORD}
    settings: {work_mem: 64MB}
notes:
- one
"""


def test_a_spec_in_order(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, TEXT)
    assert loaded.name == "spec"
    assert loaded.files == (tmp_path / "spec.yaml",)
    assert loaded.value.roles["app"].valid_until == date(2027, 1, 1)
    assert loaded.value.roles["app"].settings == {"work_mem": "64MB"}


def test_places_of_what_is_written_and_of_what_is_not(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, TEXT)
    file = tmp_path / "spec.yaml"
    assert str(loaded.place(("roles", "app", "login"))) == f"{file}:3:5"
    assert str(loaded.place(("roles", "app", "superuser"))) == f"{file}:2:3"
    assert str(loaded.place(("notes", 0))) == f"{file}:8:3"
    assert str(loaded.place(("nothing",))) == f"{file}:1:1"


def test_the_digest_is_of_what_is_said(tmp_path: Path) -> None:
    digest = load_text(tmp_path, TEXT).digest
    (tmp_path / "base.yaml").write_text("notes: [one]\nroles: {app: {login: true}}\n", encoding="utf-8")
    same = """\
# a comment
extends: base
"roles": {"app": {password: {env: 'APP_PASSWORD'}, valid_until: "2027-01-01", settings: {work_mem: 64MB}}}
"""
    assert load_text(tmp_path, same).digest == digest
    assert load_text(tmp_path, TEXT.replace("64MB", "65MB")).digest != digest
    assert (
        load_text(tmp_path, TEXT.replace("64MB", "64")).digest
        != load_text(tmp_path, TEXT.replace("64MB", "'64'")).digest
    )


def test_problems_name_the_file_that_has_them(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("roles:\n  app:\n    logn: true\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_text(tmp_path, "extends: base\nroles:\n  app:\n    login: 1\n")
    first, second = caught.value.problems
    assert first.startswith(f"{tmp_path}/base.yaml:3:5: roles.app.logn: unknown key")
    assert second.startswith(f"{tmp_path}/spec.yaml:4:12: roles.app.login: read 1")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "absent.yaml"):
        with pytest.raises(SpecError, match=r":1:1: "):
            load(file, Example)
