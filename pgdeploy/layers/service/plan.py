"""What makes services as declared: of each one step, as small as what differs allows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from pgdeploy.core.check import Check, Finding, Verdict, evaluate
from pgdeploy.core.remedy import Remedy
from pgdeploy.core.step import Effect, Step, StepPlan
from pgdeploy.layers.service.check import ABSENT, Service, services
from pgdeploy.layers.service.field import fields
from pgdeploy.layers.service.redis.setting import restarts
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.service.container import Container
    from pgdeploy.model.service import ServicesSpec


class How(StrEnum):
    """What is done to a service, the least first."""

    LOAD = "load"
    """Its files are written, and its server reads them."""
    START = "start"
    RESTART = "restart"
    ANEW = "anew"
    """Its container is replaced by another one, with the same data."""
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class ToMake:
    """The payload of a step: a service, how it is made, and the settings of a running Redis that are set."""

    service: str
    how: How
    settings: tuple[str, ...] = ()


_OF_PERSON = frozenset(
    {"healthy", "restarts", "age", "version", "certificate", "persistence", "undeclared", "internal"}
)


_ASIDE = frozenset({"healthy", "current", "age"})
"""Fields that no step rests on: an image is had before a container is made, and its health is waited for."""


def plan_services(
    target: str, section: ServicesSpec, declared: Sequence[Container], facts: Facts
) -> StepPlan:
    """A step for each service that is not as declared."""
    findings = [
        evaluate(check, facts)
        for resource in services(target, section, tuple(declared))
        for check in resource.checks()
    ]
    drifts = [one for one in findings if one.verdict is Verdict.DRIFTS]
    held = {one.check.subject[1] for one in drifts if one.check.field == "data" and one.remedy}
    made = {one.name: _causes(one, drifts) for one in declared if one.name not in held}
    steps = tuple(_step(one, made[one.name]) for one in declared if made.get(one.name))
    causes = {finding.check.id: finding for found in made.values() for finding in found}
    brings = any(step.payload.how in (How.CREATE, How.ANEW) for step in steps)
    return StepPlan(
        steps,
        tuple(
            _explained(one, held)
            for one in drifts
            if one.check.id not in causes and not (brings and _comes_along(one))
        ),
        tuple(one for one in findings if one.verdict is Verdict.UNREADABLE and _matters(one, steps, held)),
        causes,
    )


def _explained(finding: Finding, held: Collection[str]) -> Finding:
    """Of a container whose data is elsewhere nothing is changed."""
    resource = finding.check.resource
    if finding.remedy or not isinstance(resource, Service) or resource.one.name not in held:
        return finding
    return replace(finding, remedy=Remedy(f"it waits for {resource.one.label}.data"))


def _matters(finding: Finding, steps: Sequence[Step], held: Collection[str]) -> bool:
    """Whether what could not be read may change a step: not of a container that is replaced whole, or left alone."""
    resource = finding.check.resource
    name = resource.one.name if isinstance(resource, Service) else ""
    whole = {step.payload.service for step in steps if step.payload.how is How.ANEW}
    return finding.check.field not in _ASIDE and name not in whole and name not in held


def _comes_along(finding: Finding) -> bool:
    """A network that is absent is made with the first container in it."""
    return finding.check.field == "internal" and finding.actual == ABSENT


def _causes(one: Container, drifts: Sequence[Finding]) -> list[Finding]:
    return [
        finding
        for finding in drifts
        if isinstance(finding.check.resource, Service)
        and finding.check.resource.one.name == one.name
        and finding.check.field not in _OF_PERSON
    ]


def _step(one: Container, causes: Sequence[Finding]) -> Step:
    how = max((_how(one, finding.check) for finding in causes), key=list(How).index)
    settings = tuple(finding.check.subject[1] for finding in causes if _is_setting(finding.check))
    text = f"service {one.name}: {_words(one, how, causes)}"
    payload = ToMake(one.name, how, settings if how is How.LOAD else ())
    effect = {How.LOAD: Effect.RELOAD, How.RESTART: Effect.DOWNTIME, How.ANEW: Effect.DOWNTIME}.get(
        how, Effect.NONE
    )
    note = "its clients are cut off, for some seconds if all goes well" if effect.stops else ""
    return Step(text, tuple(finding.check.id for finding in causes), effect, note=note, payload=payload)


def _is_setting(check: Check) -> bool:
    return bool(check.subject[0] == "setting")


def _how(one: Container, check: Check) -> How:
    if check.address == one.label:
        if check.field == "exists":
            return How.CREATE
        if check.field == "running":
            return How.START
        if check.field in ("login", "settings"):
            return How.RESTART
        if check.field in {field.name for field in fields(one)} | {"current", "digest"}:
            return How.ANEW
    if _is_setting(check) and restarts(check.subject[1]):
        return How.RESTART
    return How.LOAD


def _words(one: Container, how: How, causes: Sequence[Finding]) -> str:
    if how is How.CREATE:
        return f"create it from {one.image} and start it"
    if how is How.START:
        return "start it"
    what = listing(dict.fromkeys(_what(one, causes)))
    if how is How.ANEW:
        return f"make its container anew, with the same data ({what})"
    return f"restart it ({what})" if how is How.RESTART else f"change it while it runs ({what})"


def _what(one: Container, causes: Sequence[Finding]) -> Iterator[str]:
    for finding in causes:
        inner = finding.check.address.removeprefix(f"service[{one.name}").strip("]: ")
        yield inner or finding.check.field
