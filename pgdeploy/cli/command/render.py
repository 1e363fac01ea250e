"""`pgdeploy render`: a spec as it is once all that it extends is merged."""

from __future__ import annotations

from pgdeploy.cli.options import Name, NoCommands, Specs
from pgdeploy.cli.output import say
from pgdeploy.cli.targets import load_one


def render(target: Name, specs: Specs = None, no_commands: NoCommands = False) -> None:
    """Print a spec with all that it extends merged and its variables filled in, and where each line comes from."""
    from pgdeploy.spec.writing import write

    say(*write(load_one(target).loaded.with_origins).splitlines())
