"""A small spec with one of everything that models of a spec are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, Self

import pytest
from pydantic import Field, field_validator, model_validator

from pgdeploy.errors import SpecError
from pgdeploy.secret.reference import SecretRef
from pgdeploy.spec.loader import Loaded, load, nothing
from pgdeploy.spec.model import Day, FrozenMap, Identifier, Model
from pgdeploy.spec.problem import Problem


class Role(Model):
    """Somebody who may connect."""

    login: bool = False
    """Whether the role may log in."""
    connection_limit: int = Field(-1, ge=-1)
    password: SecretRef | None = None
    valid_until: Day | None = None
    member_of: tuple[Identifier, ...] = ()
    settings: FrozenMap[Identifier, str | int | bool] = FrozenMap()


class Table(Model):
    """One way to name what a grant is on."""

    table: Identifier
    columns: tuple[Identifier, ...] = ()


class Sequence(Model):
    """Another."""

    sequence: Identifier


class Grant(Model):
    """A privilege."""

    privilege: Literal["select", "insert", "update"]
    on: Table | Sequence | Literal["everything"]
    to: Identifier
    ratio: float | None = None

    @field_validator("ratio", mode="before")
    @classmethod
    def _refuse_round(cls, value: object) -> object:
        if value == 1:
            raise ValueError("a ratio of one says nothing; leave it out")
        return value


class Window(Model):
    """A range, for a validator of a whole model."""

    low: int = 0
    high: int = 0

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class Example(Model):
    """An example of a spec."""

    roles: FrozenMap[Identifier, Role] = FrozenMap()
    grants: tuple[Grant, ...] = ()
    window: Window | None = None
    notes: tuple[str, ...] = ()


def undeclared(spec: Example) -> Iterator[Problem]:
    """An examiner: grants go to roles that are declared."""
    for index, grant in enumerate(spec.grants):
        if grant.to not in spec.roles:
            yield Problem(("grants", index, "to"), f"role {grant.to} is not declared")


def load_text(
    folder: Path,
    text: str,
    examine: Callable[[Example], Iterator[Problem] | tuple[Problem, ...]] | None = None,
) -> Loaded[Example]:
    """Load a text from a file `spec.yaml` in the folder."""
    file = folder / "spec.yaml"
    file.write_text(text, encoding="utf-8", newline="")
    return load(file, Example, examine or nothing)


def problems(
    folder: Path, text: str, examine: Callable[[Example], Iterator[Problem]] | None = None
) -> list[str]:
    """The problems of a text, each without the folder that its file is in."""
    with pytest.raises(SpecError) as caught:
        load_text(folder, text, examine)
    return [line.removeprefix(f"{folder}/") for line in caught.value.problems]
