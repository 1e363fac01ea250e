"""Who writes a key for what pgdeploy does not manage reads why, and where there is more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pgdeploy.errors import SpecError
from pgdeploy.gate.spec_file import load_spec
from pgdeploy.model.not_managed import NOT_MANAGED

PLACES = {
    "the whole": "postgres: 16\n{key}: {{a: b}}\n",
    "a role": "postgres: 16\nroles:\n  app:\n    {key}: text\n",
    "a database": "postgres: 16\ndatabases:\n  shop:\n    {key}: [a]\n",
    "a schema": "postgres: 16\ndatabases:\n  shop:\n    schemas:\n      s: {{{key}: text}}\n",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", NOT_MANAGED)
def test_a_key_is_refused_with_the_reason(tmp_path: Path, key: str, place: str) -> None:
    file, text = tmp_path / "unmanaged.yaml", PLACES[place].format(key=key)
    file.write_text(text)
    with pytest.raises(SpecError) as refused:
        load_spec(file)
    [problem] = refused.value.problems
    line = 1 + text[: text.index(key)].count("\n")
    assert re.match(rf".*unmanaged\.yaml:{line}:\d+: .*\b{key}: unknown key; ", problem)
    assert problem.endswith(NOT_MANAGED[key])


def test_cascade_of_an_extension_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "cascade.yaml"
    file.write_text(
        "postgres: 16\ndatabases:\n  shop:\n    extensions:\n      earthdistance: {cascade: true}\n"
    )
    with pytest.raises(SpecError) as refused:
        load_spec(file)
    [problem] = refused.value.problems
    assert re.match(
        r".*cascade\.yaml:5:23: .*\bcascade: unknown key; what an extension requires is ", problem
    )
    assert "docs/spec.md, Extensions" in problem


def test_the_page_that_is_named_speaks_of_each() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "spec.md").read_text()
    [section] = re.findall(
        r"^## What pgdeploy does not manage\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL
    )
    named = set(re.findall(r"^\| `(.*?)` \|", section, re.MULTILINE))
    assert named == {key for key in NOT_MANAGED if key.endswith("s")}
