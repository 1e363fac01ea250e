"""`pgdeploy render`: a spec as it is once all that it extends is merged."""

from __future__ import annotations

from typing import Annotated

import typer

from pgdeploy.cli.options import Name, NoCommands, Specs
from pgdeploy.cli.output import say
from pgdeploy.cli.targets import load_one


def render(
    target: Name,
    layer: Annotated[
        str | None,
        typer.Option("--layer", help="print what this layer gives to others, such as compose.yaml"),
    ] = None,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Print a spec with all that it extends merged and its variables filled in, and where each line comes from."""
    from pgdeploy.spec.writing import write

    loaded = load_one(target)
    if layer is None:
        say(*write(loaded.loaded.with_origins).splitlines())
        return
    from pgdeploy.cli.steps import require_declared
    from pgdeploy.layers import LAYERS

    known = {one.name: one for one in LAYERS if one.renders}
    if layer not in known:
        raise typer.BadParameter(f"--layer {layer}: there is: {', '.join(known)}")
    require_declared(loaded, known[layer])
    say(*known[layer].render(loaded.declared).splitlines())
