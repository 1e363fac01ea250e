"""What is rendered loads back to the same, whatever stands in it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given

from pgdeploy.secret.reference import SecretRef
from pgdeploy.spec import event
from pgdeploy.spec.model import FrozenMap
from pgdeploy.spec.render import render
from tests.spec.example import Example, Role, Table, load_text
from tests.spec.strategy import EXAMPLES, TEXTS

HOSTILE = [
    "", " ", "yes", "No", "null", "~", "true", "1", "1e3", "0x10", "0o7", "1_000", "12:30:00", "2027-01-01", ".inf",
    "-", "- a", "a: b", "a:", ":a", "a #b", "#a", "&a", "*a", "!a", "|", ">", "'a'", '"a"', "{a}", "[a]", "a, b", "@a",
    "`a", "%a", "? a", "<<", "---", "...", "a\nb", "a\nb\n", "\na", " a\nb", "a \nb", "a\n\nb", "a\n\n", "a\r\nb",
    "\ta", "a\t", " a", "a ", "\x85", "\u2028", "\ufeff", "é", "\U0001f600", "\x1b[31m", "a\\b", "x" * 2000, "=",
    "a\n# b", "a\n--- b", "9" * 500, "\u202e", "a\n...\nb", "extends", "\x7f", "a:b", "a:-1", "1.2.3.4/32",
]  # fmt: skip


def reload(value: Example) -> Example:
    with tempfile.TemporaryDirectory() as folder:
        return load_text(Path(folder), render(value)).value


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("c_parser", [True, False])
def test_hostile_text(text: str, c_parser: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not c_parser:
        monkeypatch.setattr(event, "_C_PARSER", None)
    settings = FrozenMap({"a": text}) if len(text) > 60 or not text else FrozenMap({text: text})
    value = Example(notes=(text, "x", text), roles=FrozenMap({"app": Role(settings=settings)}))
    again = reload(value)
    assert again == value
    assert render(again) == render(value)


@given(EXAMPLES)
def test_any_spec_comes_back(value: Example) -> None:
    again = reload(value)
    assert again == value
    assert again.model_fields_set == value.model_fields_set


@given(TEXTS)
def test_any_text_comes_back(text: str) -> None:
    assert reload(Example(notes=(text,))).notes == (text,)


def test_it_reads_well() -> None:
    value = Example.model_validate(
        {
            "roles": {
                "app": {"login": True, "password": SecretRef(env="APP"), "member_of": ["pg_monitor", "yes"]},
                "plain": {},
            },
            "grants": [{"privilege": "select", "on": Table(table="t"), "to": "app", "ratio": 0.5}],
            "notes": ["line one\nline two\n", "postgres://h:5432/x"],
        }
    )
    assert (
        render(value, schema="./schema.json")
        == """\
# yaml-language-server: $schema=./schema.json
roles:
  app:
    login: true
    password:
      env: APP
    member_of:
      - pg_monitor
      - "yes"
  plain: {}
grants:
  - privilege: select
    on:
      table: t
    to: app
    ratio: 0.5
notes:
  - |
    line one
    line two
  - postgres://h:5432/x
"""
    )
    assert render(Example()) == "{}\n"
