"""`pgdeploy schema`: the JSON Schema of specs."""

from __future__ import annotations

from pgdeploy.cli.output import print_json


def schema() -> None:
    """Print the JSON Schema of specs, for editors that complete and check."""
    from pgdeploy.gate.spec_file import spec_model
    from pgdeploy.spec.schema import json_schema

    print_json(json_schema(spec_model()))
