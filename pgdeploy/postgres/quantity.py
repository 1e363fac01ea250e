"""Booleans, integers and reals with units, read and shown exactly as the server does.

The rules are those of PostgreSQL's guc.c: parse_bool, parse_int, parse_real and convert_to_base_unit for
reading, convert_int_from_base_unit for showing. They are unlike those of most languages: 0x10 and 010 are
16 and 8, `1.5GB` and `1e3` are integers, whitespace may stand before the unit, MB is not mb.
"""

from __future__ import annotations

import math
import re
import sys
from typing import TypeAlias

from pgdeploy.postgres.parameter import Parameter
from pgdeploy.text.problem import ValueProblem, did_you_mean

_Unit: TypeAlias = tuple[str, float]

# Python refuses to make an integer of very long digits; no integer of the server's has as many.
_LONGEST = 100
_SPACE = " \t\n\v\f\r"
_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)", re.ASCII)
_REAL = re.compile(
    r"[ \t\n\v\f\r]*[+-]?"
    r"(?:0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?"
    r"|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)",
    re.ASCII,
)

# Kilobytes and milliseconds (and so on) in one of each unit. The factors are doubles written the way guc.c
# writes them: the server's roundings are part of what a value means.
_MEMORY_KB = (("TB", 1024.0**3), ("GB", 1024.0**2), ("MB", 1024.0), ("kB", 1.0), ("B", 1.0 / 1024.0))
_UNITS: dict[str, tuple[_Unit, ...]] = {
    "B": (("TB", 1024.0**4), ("GB", 1024.0**3), ("MB", 1024.0**2), ("kB", 1024.0), ("B", 1.0)),
    "kB": _MEMORY_KB,
    "MB": (("TB", 1024.0**2), ("GB", 1024.0), ("MB", 1.0), ("kB", 1.0 / 1024.0), ("B", 1.0 / 1024.0**2)),
    "ms": (
        ("d", 86400000.0),
        ("h", 3600000.0),
        ("min", 60000.0),
        ("s", 1000.0),
        ("ms", 1.0),
        ("us", 1.0 / 1000),
    ),
    "s": (
        ("d", 86400.0),
        ("h", 3600.0),
        ("min", 60.0),
        ("s", 1.0),
        ("ms", 1.0 / 1000),
        ("us", 1.0 / 1000000),
    ),
    "min": (
        ("d", 1440.0),
        ("h", 60.0),
        ("min", 1.0),
        ("s", 1.0 / 60),
        ("ms", 1.0 / 60000),
        ("us", 1.0 / 60000000),
    ),
}

_BOOLEANS = {
    "on": True,
    "off": False,
    "true": True,
    "false": False,
    "yes": True,
    "no": False,
    "1": True,
    "0": False,
}

# pg_settings shows file modes in octal.
OCTAL = frozenset({"data_directory_mode", "log_file_mode", "unix_socket_permissions"})


def units(unit: str) -> tuple[_Unit, ...]:
    """The units that a setting measured in `unit` takes, largest first, and how many of `unit` each is.

    `unit` is as pg_settings says it: kB, ms, or a number of kilobytes such as 8kB.
    """
    block = re.fullmatch(r"([0-9]+)kB", unit)
    if block is None:
        return _UNITS[unit]
    size = int(block[1])
    larger = tuple((name, factor / size) for name, factor in _MEMORY_KB[:-1])
    return (*larger, ("B", 1.0 / (size * 1024)))


def read_bool(text: str) -> bool:
    """A boolean or an unambiguous beginning of one, in any case: t, ye, OFF; `o` is ambiguous.

    Raises:
        ValueProblem: it is none.
    """
    found = {value for word, value in _BOOLEANS.items() if text and word.startswith(text.lower())}
    if len(found) != 1:
        near = did_you_mean(text, _BOOLEANS)
        raise ValueProblem(
            f"read {text!r}, which is no boolean; allowed: on, off, true, false, yes, no, 1, 0{near}"
        )
    return found.pop()


def read_integer(text: str, parameter: Parameter) -> int:
    """An integer in the parameter's unit; fractions are rounded, half to even, as the server rounds them.

    Raises:
        ValueProblem: it is no number, its unit is unknown, or it is out of range.
    """
    number = _rint(_convert(text, *_leading_integer(text, parameter), parameter))
    _check_range(text, number, parameter)
    return int(number)


def read_real(text: str, parameter: Parameter) -> float:
    """A real in the parameter's unit, to the six significant digits that the server shows.

    Raises:
        ValueProblem: it is no number, its unit is unknown, or it is out of range.
    """
    number = _convert(text, *_leading_real(text, parameter), parameter)
    _check_range(text, number, parameter)
    return shown_real(number)


def shown_real(number: float) -> float:
    """A real as pg_settings can show it: six significant digits; no two truths differ by what is hidden."""
    return float(f"{number:g}") + 0.0  # + 0.0: -0 is 0


def _leading_integer(text: str, parameter: Parameter) -> tuple[float, str]:
    """strtol with base 0, and strtod where that stops at a point or an exponent."""
    found = _INTEGER.match(text)
    end = found.end() if found else 0
    if text[end : end + 1] in (".", "e", "E"):
        return _leading_real(text, parameter)
    if found is None:
        raise _no_number(text, parameter)
    digits = found[2]
    if len(digits) > _LONGEST:
        return _leading_real(text, parameter)
    base = 16 if digits[:2] in ("0x", "0X") else 8 if digits.startswith("0") else 10
    number = int(digits, base)
    if number > 2**63 - 1:
        return _leading_real(text, parameter)
    return float(-number if found[1] == "-" else number), text[end:]


def _leading_real(text: str, parameter: Parameter) -> tuple[float, str]:
    """strtod; what is too large for a double, or too small, is an error and no infinity or zero."""
    found = _REAL.match(text)
    if found is None:
        raise _no_number(text, parameter)
    digits = found[0].strip(_SPACE)
    try:
        number = float.fromhex(digits) if "x" in digits.lower() else float(digits)
    except OverflowError:
        number = math.inf
    vanished = number == 0 and re.search("[1-9]", re.split("[eEpP]", digits)[0])
    if math.isinf(number) or vanished or 0 < abs(number) < sys.float_info.min:
        raise _no_number(text, parameter)
    return number, text[found.end() :]


def _convert(text: str, number: float, rest: str, parameter: Parameter) -> float:
    """To the parameter's unit: convert_to_base_unit."""
    unit = rest.strip(_SPACE)
    if not unit:
        return number
    if parameter.unit is None:
        raise _no_number(text, parameter)
    table = units(parameter.unit)
    for index, (name, factor) in enumerate(table):
        if name == unit:
            value = number * factor
            if index + 1 == len(table):
                return value
            smaller = table[index + 1][1]  # 30.1GB is a whole number of MB
            return _rint(value / smaller) * smaller
    raise _no_number(text, parameter, unit)


def _rint(number: float) -> float:
    return float(round(number)) if math.isfinite(number) else number


def _check_range(text: str, number: float, parameter: Parameter) -> None:
    low = -math.inf if parameter.minimum is None else parameter.minimum
    high = math.inf if parameter.maximum is None else parameter.maximum
    if not low <= number <= high:
        raise ValueProblem(f"read {text!r}, which is out of range; allowed: {allowed(parameter)}")


def _no_number(text: str, parameter: Parameter, unit: str = "") -> ValueProblem:
    what = "integer" if parameter.vartype == "integer" else "number"
    problem = f"read {text!r}, which is no {what}"
    if unit and parameter.unit is not None:
        names = [name for name, _ in units(parameter.unit)]
        near = [name for name in names if name.lower() == unit.lower()]
        hint = f"; did you mean {text.replace(unit, near[0])!r}?" if near else did_you_mean(unit, names)
        listed = ", ".join(names)
        problem = (
            f"read {text!r}, whose unit {unit!r} is none of {listed} (upper and lower case matter){hint}"
        )
    elif parameter.unit is None and (found := _REAL.match(text)) and found.end() < len(text):
        problem += " (this setting has no unit)"
    return ValueProblem(f"{problem}; allowed: {allowed(parameter)}")


# -- showing -------------------------------------------------------------------------------------------


def allowed(parameter: Parameter) -> str:
    """The range of a number, for messages: `64kB to about 2TB`."""
    low, high = _bound(parameter.minimum, parameter), _bound(parameter.maximum, parameter)
    if parameter.unit is None:
        return f"{low} to {high}"
    names = ", ".join(name for name, _ in units(parameter.unit))
    return f"{low} to {high}, with a unit ({names}) or in {parameter.unit}"


def _bound(value: float | None, parameter: Parameter) -> str:
    if value is None:
        return "any"
    if parameter.name.lower() in OCTAL:
        return f"0{int(value):o}"
    if parameter.vartype == "integer":
        exact = show_integer(int(value), parameter.unit)
        if value < 100000 or parameter.unit is None or len(exact) < 8:
            return exact
        name, factor = next((pair for pair in units(parameter.unit) if value >= 0.99 * pair[1]), ("", 1.0))
        return f"about {value / factor:.3g}{name}"
    return show_real(value, parameter.unit)


def show_integer(number: int, unit: str | None) -> str:
    """As SHOW does: in the largest unit that divides it; 0 and -1 (off, automatic) without a unit."""
    if unit is None or number <= 0:
        return str(number)
    for name, factor in units(unit):
        if factor <= 1.0 or number % factor == 0:
            return f"{round(number / factor)}{name}"
    return f"{number}{unit}"


def show_real(number: float, unit: str | None) -> str:
    """As SHOW does: in the largest unit that makes it whole, or the smallest there is."""
    if unit is None or number <= 0:
        return f"{number:g}"
    shown = ""
    for name, factor in units(unit):
        value = number / factor
        shown = f"{value:g}{name}"
        if abs(_rint(value) / value - 1.0) <= 1e-8:
            break
    return shown
