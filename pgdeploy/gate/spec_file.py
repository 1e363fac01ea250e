"""A spec file as a spec: loaded, and examined as a whole by each layer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.gate import problem
from pgdeploy.layers import LAYERS
from pgdeploy.model.spec import Spec
from pgdeploy.spec.loader import Loaded, load

if TYPE_CHECKING:
    from pgdeploy.spec.problem import Problem


def load_spec(file: Path, root: Path | None = None) -> Loaded[Spec]:
    """Load one target's file; what it extends is below `root` (default: the file's own folder).

    Raises:
        SpecError: with every problem of the file and the files that it extends.
    """
    return load(file, spec_model(), _problems, root)


def spec_model() -> type[Spec]:
    """The model of a spec, with the section of each layer that brings one."""
    sections = ((layer.word or layer.name, layer.section(), layer.title) for layer in LAYERS)
    return _with_sections(tuple(one for one in sections if one[1] is not None))


@cache
def _with_sections(sections: tuple[tuple[str, Any, str], ...]) -> type[Spec]:
    if not sections:
        return Spec
    from pydantic import Field, create_model

    fields: dict[str, Any] = {
        name: (section | None, Field(None, description=_said(section) or title))
        for name, section, title in sections
    }
    return create_model("Spec", __base__=Spec, __doc__=Spec.__doc__, **fields)


def _said(section: Any) -> str:
    """What a model says of itself; nothing of a union, which has no words of its own."""
    return (section.__doc__ or "").partition("\n")[0] if isinstance(section, type) else ""


def _problems(spec: Spec) -> Iterator[Problem]:
    yield from problem.problems(spec)
    for layer in LAYERS:
        yield from layer.problems(spec)
