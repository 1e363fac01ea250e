"""Values of settings: as the spec gives them, compared in clear, shown without their secrets, and as SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pgdeploy.core.check import Outcome
from pgdeploy.core.remedy import NOTHING, Remedy
from pgdeploy.layers.server.change import Statement, ident, literal
from pgdeploy.model.setting import PlainValue, SettingValue
from pgdeploy.postgres.parameter import Parameter
from pgdeploy.postgres.values import ValueProblem, canonical, conf_text, show, sql_elements
from pgdeploy.secret.place import shown_setting
from pgdeploy.secret.reference import Secret, SecretRef


def clear(value: SettingValue) -> PlainValue:
    """The value itself, in memory only.

    Raises:
        SecretError: it is a reference that gives no secret.
    """
    return value.read().reveal() if isinstance(value, SecretRef) else value


def offline(setting: str, value: SettingValue) -> PlainValue:
    """The value as far as it is known without reading a secret: advice never reads one."""
    return f"the secret in {value.describe()}" if isinstance(value, SecretRef) else value


def same(value: PlainValue, text: str | None, parameter: Parameter | None) -> bool:
    """Whether what the spec says and what the server stores as text mean the same."""
    if text is None:
        return False
    if parameter is None:
        return _plain(value) == text
    try:
        return canonical(value, parameter) == canonical(text, parameter)
    except ValueProblem:
        return False


def shown(setting: str, value: PlainValue, parameter: Parameter | None) -> str:
    """The value for people; secrets in it are masked."""
    if parameter is None:
        return _masked(setting, value, _plain(value))
    try:
        text = show(canonical(value, parameter), parameter)
    except ValueProblem:
        text = _plain(value)
    # what is a number or a word of a fixed list holds no secret, whatever the setting's name sounds like
    return _masked(setting, value, text) if parameter.vartype == "string" else text


def _masked(setting: str, value: PlainValue, text: str) -> str:
    return text if isinstance(value, bool) else shown_setting(setting, text)


def _plain(value: PlainValue) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(value) if isinstance(value, (list, tuple)) else str(value)


def compared(
    conforms: bool, desired: str, actual: str, origin: str = "", remedy: Remedy | str = NOTHING
) -> Outcome:
    """An outcome whose values are shown with masks: where only a secret differs, it says so."""
    if not conforms and desired == actual:
        actual = f"{actual} (another secret)"
    return Outcome(conforms, desired, actual, origin, remedy=remedy)


# -- SQL -----------------------------------------------------------------------------------------------


def quoted(setting: str) -> str:
    """A setting's name in SQL."""
    return ".".join(ident(part) for part in setting.split("."))


RESET_BY_ALL = frozenset({"transaction_isolation", "transaction_read_only", "transaction_deferrable"})
"""PostgreSQL stores these for a role or a database, and then refuses to RESET one of them by its name."""


def resets(
    before: str,
    undeclared: Iterable[str],
    declared: Mapping[str, SettingValue],
    known: Callable[[str], Parameter | None],
) -> list[Statement]:
    """Statements that take back what the spec does not say, of one ALTER ROLE ... or ALTER DATABASE ... .

    Raises:
        SecretError: a declared value is a reference that gives no secret.
    """
    names = list(undeclared)
    if not RESET_BY_ALL.intersection(map(str.lower, names)):
        return [Statement(f"{before} RESET {quoted(setting)}") for setting in names]
    again = [assignment(before, setting, clear(value), known(setting)) for setting, value in declared.items()]
    return [Statement(f"{before} RESET ALL"), *again]


def assignment(before: str, setting: str, value: PlainValue, parameter: Parameter | None) -> Statement:
    """`SET name TO 'value'` behind ALTER SYSTEM, ALTER ROLE ... or ALTER DATABASE ...; a list keeps its elements apart.

    An empty list is a RESET: PostgreSQL would store SET ... TO '' as a list of one empty name. A value that holds a
    secret is masked in the statement as shown, and sent as it is.
    """
    elements = sql_elements(value, parameter)
    if not elements:
        return Statement(f"{before} RESET {quoted(setting)}")
    text = f"{before} SET {quoted(setting)} TO {', '.join(literal(element) for element in elements)}"
    if len(elements) > 1 or (parameter is not None and parameter.vartype != "string"):
        return Statement(text)
    masked = _masked(setting, value, elements[0])
    if masked == elements[0]:
        return Statement(text)
    return Statement(f"{before} SET {quoted(setting)} TO {literal(masked)}", Secret(text))


def line(setting: str, value: SettingValue, parameter: Parameter | None, *, reveal: bool) -> str:
    """The value as postgresql.conf has it, before it is quoted; without `reveal` no secret is read, and masks stand."""
    text = conf_text(clear(value) if reveal else offline(setting, value), parameter)
    return text if reveal else shown_setting(setting, text)
