"""A spec file as a spec: loaded, and examined as a whole by each layer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

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
    return load(file, Spec, _problems, root)


def _problems(spec: Spec) -> Iterator[Problem]:
    yield from problem.problems(spec)
    for layer in LAYERS:
        yield from layer.problems(spec)
