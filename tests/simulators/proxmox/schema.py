"""Checks of values against Proxmox's schemas, and property strings such as `virtio=..,bridge=vmbr0`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.simulators.proxmox.description import Operation, Schema
from tests.simulators.proxmox.formats import NESTED, BadFormat, check_named
from tests.simulators.proxmox.quantity import format_size
from tests.simulators.proxmox.refusal import BadParameters

Errors = dict[str, str]

UNKNOWN = "property is not defined in schema and the schema does not allow additional properties"
MISSING = "property is missing and it is not optional"

_BOOLEANS = {
    **dict.fromkeys(("1", "on", "yes", "true"), "1"),
    **dict.fromkeys(("0", "off", "no", "false"), "0"),
}


def verify(operation: Operation, parameters: Mapping[str, str]) -> dict[str, str]:
    """Raises BadParameters with all that is wrong. A boolean is 1 or 0 here; only within property strings
    Proxmox takes yes, on and true as well.
    """
    errors: Errors = {}
    clean = dict(parameters)
    for name, schema in operation.properties.items():
        if name not in clean and not schema.get("optional") and not name.endswith("[n]"):
            errors[name] = MISSING
    for name, value in clean.items():
        found = operation.schema(name)
        if found is None:
            errors[name] = UNKNOWN
        else:
            check(found, value, name, errors)
    if errors:
        raise BadParameters(errors)
    return clean


def normal(schema: Schema | None, value: str) -> str:
    if schema and schema.get("type") == "boolean":
        return _BOOLEANS.get(value.lower(), value)
    return value


def check(schema: Schema, value: str, path: str, errors: Errors) -> None:
    """The first thing wrong with a value goes into `errors`."""
    for rule in (_type, _format, _pattern, _length, _bounds, _enum):
        message = rule(schema, value, path)
        if message:
            errors[path] = message
            return


def _type(schema: Schema, value: str, _: str) -> str | None:
    kind = schema.get("type")
    pattern = {"boolean": r"[01]", "integer": r"[+-]?\d+", "number": _NUMBER}.get(str(kind))
    if pattern and not re.fullmatch(pattern, value):
        return f"type check ('{kind}') failed - got '{value}'"
    return None


_NUMBER = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"


def _format(schema: Schema, value: str, path: str) -> str | None:
    wanted = schema.get("format")
    if not wanted:
        return None
    nested = wanted if isinstance(wanted, Mapping) else NESTED.get(wanted)
    try:
        if nested is not None:
            parse(nested, value, path)
        else:
            check_named(str(wanted), value)
    except BadFormat as bad:
        return f"invalid format - {bad}"
    return None


def _pattern(schema: Schema, value: str, _: str) -> str | None:
    pattern = schema.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        return "value does not match the regex pattern"
    return None


def _compiled(pattern: str) -> re.Pattern[str]:
    """Perl writes flags into the middle, as `(?^i:...)`."""
    return re.compile(re.sub(r"\(\?\^(\w*):", lambda match: f"(?{match[1]}:", pattern))


def _length(schema: Schema, value: str, _: str) -> str | None:
    most, least = schema.get("maxLength"), schema.get("minLength")
    if most is not None and len(value) > int(most):
        return f"value may only be {most} characters long"
    if least is not None and len(value) < int(least):
        return f"value must be at least {least} characters long"
    return None


def _bounds(schema: Schema, value: str, _: str) -> str | None:
    if not re.fullmatch(_NUMBER, value):
        return None
    most, least = schema.get("maximum"), schema.get("minimum")
    if most is not None and float(value) > float(most):
        return f"value must have a maximum value of {most}"
    if least is not None and float(value) < float(least):
        return f"value must have a minimum value of {least}"
    return None


def _enum(schema: Schema, value: str, _: str) -> str | None:
    allowed = schema.get("enum")
    if allowed and value not in allowed:
        return f"value '{value}' does not have a value in the enumeration '{', '.join(allowed)}'"
    return None


def parse(nested: Mapping[str, Any], text: str, path: str = "") -> dict[str, str]:
    """A property string as a dict, aliases resolved; raises BadFormat."""
    found: dict[str, str] = {}
    for part in text.split(","):
        if part.strip():
            _take(nested, part, found)
    errors: Errors = {}
    _check_all(nested, found, path, errors)
    if errors:
        lines = "".join(f"{key}: {message}\n" for key, message in errors.items())
        raise BadFormat(f"format error\n{lines}")
    return found


def _take(nested: Mapping[str, Any], part: str, found: dict[str, str]) -> None:
    key, equals, value = part.partition("=")
    if not equals:
        key, value = _default_key(nested), part
        if key in found:
            raise BadFormat(f"duplicate key in comma-separated list property: {key}\n")
    elif not key or not value:
        raise BadFormat("missing key in comma-separated list property\n")
    elif key in found:
        raise BadFormat(f"duplicate key in comma-separated list property: {key}\n")
    schema = nested.get(key)
    if schema and "alias" in schema:
        key = _resolve(schema, key, found)
        schema = nested.get(key)
    if not schema:
        raise BadFormat(f"invalid key in comma-separated list property: {key}\n")
    found[key] = normal(schema, value)


def _default_key(nested: Mapping[str, Any]) -> str:
    for key, schema in nested.items():
        if schema.get("default_key"):
            return key
    raise BadFormat("value without key, but schema does not define a default key\n")


def _resolve(schema: Mapping[str, Any], key: str, found: dict[str, str]) -> str:
    """`virtio=AA:..` is macaddr=AA:.. and model=virtio."""
    also = schema.get("keyAlias")
    if also:
        if also in found:
            raise BadFormat(f"key alias '{also}' is already defined\n")
        found[also] = key
    alias = str(schema["alias"])
    if alias in found:
        raise BadFormat(f"key '{alias}' is already defined (via alias)\n")
    return alias


def _check_all(nested: Mapping[str, Any], found: Mapping[str, str], path: str, errors: Errors) -> None:
    def place(key: str) -> str:
        return f"{path}.{key}" if path else key

    for key, schema in nested.items():
        if key in found:
            check(schema, found[key], place(key), errors)
        elif not schema.get("optional") and "alias" not in schema:
            errors[place(key)] = MISSING
    for key in found:
        needed = nested[key].get("requires")
        if needed and needed not in found:
            errors[place(needed)] = f"missing property required by '{place(key)}'"


def render(nested: Mapping[str, Any], values: Mapping[str, str]) -> str:
    """A dict as a property string in Proxmox's order: the default key, those required, the rest by name."""
    default = next((key for key, schema in nested.items() if schema.get("default_key")), None)
    required = [key for key in sorted(values) if not nested[key].get("optional")]
    order = dict.fromkeys([*([default] if default else []), *required, *sorted(values)])
    parts: list[str] = []
    combined = _combined(nested)
    done: set[str] = set()
    for key in order:
        if key not in values or key in done:
            continue
        partner = combined.get(key)
        done.add(key)
        value = _rendered(nested[key], values[key])
        if partner and partner in values:
            done.add(partner)
            parts.append(f"{value}={_rendered(nested[partner], values[partner])}")
        else:
            parts.append(value if key == default else f"{key}={value}")
    return ",".join(parts)


def _combined(nested: Mapping[str, Any]) -> dict[str, str]:
    return {schema["keyAlias"]: schema["alias"] for schema in nested.values() if "keyAlias" in schema}


def _rendered(schema: Mapping[str, Any], value: str) -> str:
    return format_size(int(value)) if schema.get("format") == "disk-size" and value.isdecimal() else value
