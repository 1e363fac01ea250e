"""A saved plan: what was approved, so that `apply --plan` does that or nothing.

What is applied is the plan that is made anew from the spec and the server. The file only says whether that is the plan
that somebody approved, so editing it, with its digest or without, can do no more than make `apply` refuse.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pgdeploy import __version__
from pgdeploy.core.step import Risk
from pgdeploy.errors import PlanError
from pgdeploy.layers import SERVER, layer_of
from pgdeploy.layers.server import hba, ident
from pgdeploy.layers.server.plan import as_data as change_data
from pgdeploy.report import findings as report
from pgdeploy.text.counted import counted
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    from pgdeploy.core.check import Finding
    from pgdeploy.core.layer import Layer
    from pgdeploy.core.step import Step, StepPlan
    from pgdeploy.gate.gate import Gate
    from pgdeploy.layers.server.change import Change
    from pgdeploy.layers.server.plan import Plan

SCHEMA = 6
"""The version of a saved plan's form."""

LARGEST = 64 * 1024 * 1024
"""Bytes that a plan may have; a thousand databases make less than a tenth."""

_NOTHING_DONE = "nothing was done: plan again, look, and apply the new plan"
_TEXT, _NUMBER, _OBJECT, _OBJECTS, _LIST = "text", "number", "object", "list of objects", "list"
_FORM = {
    "schema": _NUMBER,
    **dict.fromkeys(("pgdeploy", "target", "layer", "spec", "digest"), _TEXT),
    **dict.fromkeys(("changes", "stuck", "unreadable"), _OBJECTS),
}
"""What stands in every plan."""
_SQL_FORM = {
    **dict.fromkeys(("system", "hidden", "wanted_hba", "wanted_ident"), _TEXT),
    "takes_away": _OBJECT,
    "then": _OBJECTS,
}
_STEP_FORM = {"drifts": _OBJECTS, "pending": _LIST}


def as_data(plan: Plan, gate: Gate) -> dict[str, Any]:
    """The plan of a server as JSON, with a digest over all of it."""
    return _sealed(
        SERVER,
        gate,
        system=gate.facts.system,
        hidden=plan.hidden,
        takes_away=plan.taken._asdict(),
        changes=[change_data(change) for change in plan.changes],
        stuck=[_finding(finding, gate) for finding in plan.stuck],
        unreadable=[_finding(finding, gate) for finding in plan.unreadable],
        then=[
            {"database": database, "waiting": [_finding(finding, gate) for finding in findings]}
            for database, findings in plan.then.items()
        ],
        wanted_hba=hba.wanted(plan.stuck, gate.facts),
        wanted_ident=ident.wanted(plan.stuck),
    )


def steps_as_data(plan: StepPlan, layer: Layer, gate: Gate) -> dict[str, Any]:
    """The plan of another layer in the same form."""
    return _sealed(
        layer,
        gate,
        changes=[_step(step, layer) for step in plan.steps],
        stuck=[_finding(finding, gate) for finding in plan.stuck],
        unreadable=[_finding(finding, gate) for finding in plan.unreadable],
        drifts=[_finding(finding, gate) for finding in plan.drifts.values()],
        pending=list(plan.pending),
    )


def _step(step: Step, layer: Layer) -> dict[str, Any]:
    return {
        "text": step.text,
        "causes": list(step.causes),
        "effect": str(step.effect),
        "risk": str(step.risk),
        "lost": step.lost,
        **layer.step_data(step.payload),
    }


def _sealed(layer: Layer, gate: Gate, **parts: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "pgdeploy": __version__,
        "target": gate.target.name,
        "layer": layer.name,
        "spec": gate.target.loaded.digest,
        **parts,
    }
    return {**data, "digest": _digest(data)}


def _finding(finding: Finding, gate: Gate) -> dict[str, Any]:
    """Its place is told from the spec's folder, so that a plan can be applied in another checkout."""
    data = report.as_data(finding, gate)
    file = os.path.relpath(data["spec"]["file"], gate.target.file.parent)
    return {**data, "spec": {**data["spec"], "file": file}}


def _digest(data: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in data.items() if key != "digest"}
    return sha256(_canonical(rest).encode("ascii")).hexdigest()


def _canonical(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


# -- reading -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A file that has the form of a plan and fits its digest."""

    file: Path
    data: Mapping[str, Any]

    def require_same(self, plan: Plan, gate: Gate, *, destructive: bool) -> None:
        """Refuse unless the plan made now is the one that was saved, for this target, spec and server.

        Raises:
            PlanError: it is another; or it loses something, and that was not allowed.
        """
        self._require(as_data(plan, gate))
        self._require_allowed(plan.changes, destructive=destructive)

    def require_same_steps(self, plan: StepPlan, layer: Layer, gate: Gate, *, destructive: bool) -> None:
        """The same of the plan of another layer."""
        self._require(steps_as_data(plan, layer, gate))
        self._require_allowed(plan.steps, destructive=destructive)

    def _require(self, now: Mapping[str, Any]) -> None:
        for key, what in (("target", "target"), ("layer", "layer"), ("spec", "spec"), ("system", "server")):
            if self.data.get(key) != now.get(key):
                self._refuse(f"was made for another {what}: {self.data.get(key)}; this one is {now.get(key)}")
        if self.data["pgdeploy"] != now["pgdeploy"]:
            self._refuse(f"was made by pgdeploy {self.data['pgdeploy']}; this is {now['pgdeploy']}")
        if self.data.get("hidden") != now.get("hidden"):
            self._refuse("has other secrets than the spec gives now")
        for difference in _differences(self.data, now):
            self._refuse(
                f"is not what {layer_of(now['layer']).title} needs now: it moved since this plan was saved, or the "
                f"file was edited; first difference: {difference}"
            )

    def _require_allowed(self, changes: Sequence[Step | Change], *, destructive: bool) -> None:
        lossy = [change for change in changes if change.risk is Risk.DESTRUCTIVE]
        if lossy and not destructive:
            raise PlanError(
                f"{self.file}: {len(lossy)} of {counted(len(changes), 'change')} of this plan would be "
                f"destructive (the first loses {lossy[0].lost}); nothing was done: to apply it, pass "
                "--allow-destructive"
            )

    def _refuse(self, why: str) -> NoReturn:
        raise PlanError(f"{self.file}: this plan {why}; {_NOTHING_DONE}")


def load(file: Path) -> SavedPlan:
    """Read a saved plan.

    Raises:
        PlanError: it cannot be read, is no plan, has another form, or was edited.
    """
    data = _object(file)
    form = data.get("schema")
    if type(form) is int and form != SCHEMA and "digest" in data:
        raise PlanError(f"{file}: a plan of version {form}; this pgdeploy reads {SCHEMA}; {_NOTHING_DONE}")
    if problem := next(_problems(data), None):
        raise _no_plan(file, problem)
    if data["digest"] != _digest(data):
        raise PlanError(
            f"{file}: this file was edited after it was saved, as its digest is of another text; {_NOTHING_DONE}"
        )
    return SavedPlan(file, data)


def _object(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            text = opened.read(LARGEST + 1)
    except OSError as error:
        raise PlanError(f"{file}: cannot be read: {error.strerror}") from None
    if len(text) > LARGEST:
        raise _no_plan(file, f"larger than {LARGEST // 1024**2} MB")
    try:
        data = json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise _no_plan(file, "not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise _no_plan(file, f"not JSON: {one_line(str(error), 200)}") from None
    if not isinstance(data, dict):
        raise _no_plan(file, "not an object")
    return data


def _no_plan(file: Path, why: str) -> PlanError:
    return PlanError(f"{file}: not a plan saved by `pgdeploy plan --out`: {why}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a key that stands twice, one program would take the first and another the last."""
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return data


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _problems(data: Mapping[str, Any]) -> Iterator[str]:
    if absent := sorted(_FORM.keys() - data.keys()):
        yield f"it lacks {', '.join(absent)}"
        return
    form = {**_FORM, **(_SQL_FORM if data["layer"] == SERVER.name else _STEP_FORM)}
    if absent := sorted(form.keys() - data.keys()):
        yield f"it lacks {', '.join(absent)}"
    if extra := sorted(data.keys() - form.keys()):
        yield f"it has {one_line(', '.join(extra), 200)}"
    yield from (f"{key} is no {kind}" for key, kind in form.items() if not _is(kind, data[key]))


def _is(kind: str, value: Any) -> bool:
    match kind:
        case "text":
            return isinstance(value, str)
        case "number":
            return type(value) is int
        case "object":
            return isinstance(value, dict)
    return isinstance(value, list) and (kind == _LIST or all(isinstance(item, dict) for item in value))


# -- what differs --------------------------------------------------------------------------------------


def _differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key, noun in (
        ("changes", "change"),
        ("stuck", "stuck finding"),
        ("unreadable", "unreadable finding"),
        ("then", "database to be planned again"),
        ("drifts", "drift"),
    ):
        one_side, other_side = saved.get(key, []), now.get(key, [])
        if _canonical(one_side) == _canonical(other_side):
            continue
        for number, (one, other) in enumerate(zip(one_side, other_side, strict=False), 1):
            yield from _fields(f"{noun} {number}", one, other)
        numbers = f"{counted(len(one_side), noun)} saved, {counted(len(other_side), noun)} now"
        yield f"{numbers}, {_only_in_one(one_side, other_side)}"
    yield from _fields("what it takes away", saved.get("takes_away", {}), now.get("takes_away", {}))
    rest = ("wanted_hba", "wanted_ident", "pending")
    yield from _fields(
        "the plan", *({key: data[key] for key in rest if key in data} for data in (saved, now))
    )


def _only_in_one(saved: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> str:
    """The first beyond the shorter of two lists: its statements, its causes, or a finding's id."""
    when, longer = ("saved", saved) if len(saved) > len(now) else ("now", now)
    first = longer[min(len(saved), len(now))]
    said = [first["text"]] if "text" in first else first.get("sql", ())
    texts = [*said, *first.get("causes", ()), *([first["id"]] if "id" in first else [])]
    return f"of which only {when}: {one_line('; '.join(map(str, texts[:2])), 300)}"


def _fields(where: str, saved: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for field in dict.fromkeys((*now, *saved)):
        one, other = _shown(saved, field), _shown(now, field)
        if one != other:
            yield f"{where}, {one_line(field, 40)}: saved {one_line(one, 300)}, now {one_line(other, 300)}"


def _shown(data: Mapping[str, Any], field: str) -> str:
    return _canonical(data[field]) if field in data else "nothing"
