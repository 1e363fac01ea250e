"""What a spec says is in the files, or the spec is refused at its place: never a line, a word or an option more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pgdeploy.errors import SpecError
from pgdeploy.gate.spec_file import load_spec
from pgdeploy.layers.host.file import files
from tests.format.attacks import ATTACKS, HONEST, Attack, Honest


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_injection_is_refused_or_quoted(attack: Attack, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(attack.text, encoding="utf-8")
    try:
        spec = load_spec(file).value
    except SpecError as error:
        placed = re.compile(rf"{re.escape(str(file))}:\d+:\d+: [^\n]+").fullmatch
        assert all(map(placed, error.problems))  # noqa: PT017 - refusing is one of two right answers
        return
    assert attack.line is not None
    assert not [found.path for found in files(spec, "bookworm") if re.search(attack.line, found.text)]


@pytest.mark.parametrize("honest", HONEST, ids=lambda honest: honest.name)
def test_what_a_format_can_hold_is_in_its_file(honest: Honest, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(honest.text, encoding="utf-8")
    lines = [line for found in files(load_spec(file).value, "bookworm") for line in found.text.split("\n")]
    assert lines.count(honest.line) == 1
