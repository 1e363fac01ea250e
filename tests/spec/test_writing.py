"""What is written as a person would write it loads back to the same, whatever stands in it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.spec.model import FrozenMap
from pgdeploy.spec.writing import WIDTH, Noted, Remark, Word, write
from tests.spec.example import Example, Role, load_text
from tests.spec.strategy import EXAMPLES, TEXTS
from tests.spec.test_render import HOSTILE


def load_written(text: str) -> Example:
    with tempfile.TemporaryDirectory() as folder:
        return load_text(Path(folder), text).value


def reload(written: Any) -> Example:
    return load_written(write(written))


def plain(value: Example) -> Any:
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text(text: str) -> None:
    settings = FrozenMap({"a": text}) if len(text) > 60 or not text else FrozenMap({text: text})
    value = Example(notes=(text, "x", text), roles=FrozenMap({"app": Role(settings=settings)}))
    assert reload(plain(value)) == value


@given(EXAMPLES)
def test_any_spec_comes_back(value: Example) -> None:
    assert reload(plain(value)) == value


@given(TEXTS)
def test_a_comment_ends_with_its_line(text: str) -> None:
    written = {Remark(text): None, "notes": [Noted("kept", text), Remark(text), "too"]}
    assert reload(written) == Example(notes=("kept", "too"))


@given(st.lists(st.text("abc'#", min_size=1, max_size=20), min_size=30, max_size=60))
def test_a_long_list_is_broken_into_lines(texts: list[str]) -> None:
    value = Example(roles=FrozenMap({"app": Role(member_of=tuple(texts))}))
    text = write(plain(value))
    assert load_written(text) == value
    assert max(map(len, text.splitlines())) <= WIDTH


def test_it_reads_well() -> None:
    line: Any = {"grant": ["SELECT"], "on": {"schema": "app", "all": "tables"}, "to": ["reader", "a b"]}
    written: Any = {
        "postgres": 16,
        "settings": {"jit": Noted(Word("off"), "ALTER SYSTEM"), "work_mem": "8MB"},
        "roles": {"app": {"login": True, "member_of": ["reader"]}, "yes": {}},
        "databases": {
            "shop": {"owner": "app", "schemas": {"app": {}}, "grants": [line, Noted(line, "why?")]},
            "other": {Remark("not seen"): None},
        },
    }
    assert (
        write(written)
        == """\
postgres: 16

settings:
  jit: off  # ALTER SYSTEM
  work_mem: 8MB

roles:
  app: {login: true, member_of: [reader]}
  'yes': {}

databases:
  shop:
    owner: app
    schemas: {app: {}}
    grants:
      - {grant: [SELECT], on: {schema: app, all: tables}, to: [reader, a b]}
      - {grant: [SELECT], on: {schema: app, all: tables}, to: [reader, a b]}  # why?
  other:
    # not seen
"""
    )
