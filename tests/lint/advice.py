"""Advice on a spec that is given as text, read from a file as any other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeAlias

from pgdeploy.gate.spec_file import load_spec
from pgdeploy.lint import lint
from pgdeploy.lint.rule import Advice
from pgdeploy.model.spec import Spec
from pgdeploy.spec.loader import Loaded
from tests.lint.cases import BASE, HEAD, TODAY

Read: TypeAlias = Callable[[str], Loaded[Spec]]
"""From text to a spec; `HEAD` stands before a text that does not say its version, and `BASE` is in `_base.yaml`."""


def reader(folder: Path) -> Read:
    def read(text: str) -> Loaded[Spec]:
        file = folder / "spec.yaml"
        file.write_text(whole(text), encoding="utf-8")
        (folder / "_base.yaml").write_text(BASE, encoding="utf-8")
        return load_spec(file)

    return read


def whole(text: str) -> str:
    return text if text.startswith("postgres:") else HEAD + text


def advise(loaded: Loaded[Spec], today: str = TODAY) -> list[Advice]:
    return lint(loaded.value, date.fromisoformat(today), loaded.place, loaded.replaced)


def ids(advices: list[Advice]) -> list[str]:
    return [advice.rule.id for advice in advices]
