"""Settings as a spec gives them."""

from __future__ import annotations

from typing import Any

from pgdeploy.postgres.parameter import MAJORS, Parameter, parameters
from pgdeploy.secret.place import holds_secret
from pgdeploy.secret.reference import SecretRef

PlainValue = bool | int | float | str | tuple[str, ...]
"""A setting as YAML gives it; a list for the settings that are lists."""

SettingValue = PlainValue | SecretRef
"""The same, or where it is: for the settings that hold a secret."""


def completions(schema: dict[str, Any]) -> None:
    """Every setting of every version, for editors that complete; the loader knows which version has which."""
    known = {name: found for major in MAJORS for name, found in parameters(major).items()}
    reference = next(one for one in schema["additionalProperties"]["anyOf"] if "$ref" in one)
    settable = (found for found in known.values() if found.context != "internal")
    schema["properties"] = {
        found.name: _completion(found, reference) for found in sorted(settable, key=lambda p: p.name)
    }


def _completion(parameter: Parameter, reference: dict[str, Any]) -> dict[str, Any]:
    unit = f" Unit: {parameter.unit}." if parameter.unit else ""
    described: dict[str, Any] = {"description": f"{parameter.summary}{unit}"}
    plain = {"type": ["boolean", "number", "string", "array"]}
    if holds_secret(parameter.name):
        described["anyOf"] = [plain, reference]
    else:
        described |= plain
    return described | ({"examples": list(parameter.values)} if parameter.values else {})
