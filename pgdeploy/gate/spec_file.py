"""A spec file as a spec: loaded, and examined as a whole."""

from __future__ import annotations

from pathlib import Path

from pgdeploy.gate.cross_checks import examine
from pgdeploy.model.spec import Spec
from pgdeploy.spec.loader import Loaded, load


def load_spec(file: Path, root: Path | None = None) -> Loaded[Spec]:
    """Load one target's file; what it extends is below `root` (default: the file's own folder).

    Raises:
        SpecError: with every problem of the file and the files that it extends.
    """
    return load(file, Spec, examine, root)
