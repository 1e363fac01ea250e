"""Redis's settings offline: which there are in a version, and which values they take; one spelling of each value."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from pgdeploy.text.problem import ValueProblem, did_you_mean

_OURS = {
    **dict.fromkeys(
        ("port", "tls-port", "unixsocket", "bind", "protected-mode"),
        "ports and networks are said of the service",
    ),
    **dict.fromkeys(
        ("dir", "dbfilename", "appenddirname", "daemonize", "pidfile", "supervised"),
        "it follows from the image",
    ),
    **dict.fromkeys(("logfile", "syslog-enabled"), "`log:` says where the output goes"),
    **dict.fromkeys(
        ("requirepass", "masterauth", "masteruser", "aclfile", "user"),
        "users are said by `password:` and `users:`",
    ),
    **dict.fromkeys(
        ("tls-cert-file", "tls-key-file", "tls-auth-clients", "tls-key-file-pass"),
        "the certificate is said by `tls:`",
    ),
    **dict.fromkeys(
        ("include", "rename-command", "loadmodule"), "it cannot be read back from a running server"
    ),
}
_SIZE = re.compile(r"(\d+)(b|k|kb|m|mb|g|gb)?", re.IGNORECASE)
_FACTORS = {"": 1, "b": 1, "k": 10**3, "kb": 1 << 10, "m": 10**6, "mb": 1 << 20, "g": 10**9, "gb": 1 << 30}


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """By name: the kind, its limits, in which versions, and whether a change needs a restart."""
    found: dict[str, dict[str, Any]] = json.loads(
        (files("pgdeploy.layers.service.redis") / "catalogue.json").read_text(encoding="utf-8")
    )
    return found


def check_setting(name: str, value: bool | int | str, major: int) -> None:
    """Raises ValueProblem: this version has no such setting, or it does not take this value."""
    if name in _OURS:
        raise ValueProblem(f"{_OURS[name]}; leave it out here")
    known = catalogue()
    if name not in known or major not in known[name]["majors"]:
        raise ValueProblem(f"Redis {major} has no such setting{did_you_mean(name, known)}")
    canonical(name, value)


def restarts(name: str) -> bool:
    """Whether a change is in effect after a restart alone."""
    return bool(catalogue()[name].get("restart"))


def canonical(name: str, value: bool | int | str) -> str:
    """A value in the one spelling that equal values share.

    Raises:
        ValueProblem: the setting does not take it.
    """
    entry = catalogue().get(name, {"kind": "text"})
    text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    if "\n" in text or "\r" in text:
        raise ValueProblem("a value is one line")
    kind = entry["kind"]
    if kind == "bool":
        if text.lower() not in ("yes", "no"):
            raise ValueProblem(f"read {text!r}; allowed: yes, no")
        return text.lower()
    if kind == "choice":
        if text.lower() not in entry["values"]:
            raise ValueProblem(f"read {text!r}; allowed: {', '.join(entry['values'])}")
        return text.lower()
    if kind in ("size", "integer"):
        return _number(entry, text, sized=kind == "size")
    return " ".join(text.split())


def _number(entry: dict[str, Any], text: str, *, sized: bool) -> str:
    found = _SIZE.fullmatch(text) if sized else re.fullmatch(r"(-?\d+)", text)
    if found is None:
        if sized and re.fullmatch(r"\d+%", text):
            return text
        allowed = "a number with b, kb, mb or gb, such as 256mb" if sized else "a whole number"
        raise ValueProblem(f"read {text!r}; allowed: {allowed}")
    number = int(found[1]) * (_FACTORS[(found[2] or "").lower()] if sized else 1)
    least, most = entry.get("least"), entry.get("most")
    if (least is not None and number < least) or (most is not None and number > most):
        raise ValueProblem(f"read {text!r}; allowed: {least} to {most}")
    return str(number)
