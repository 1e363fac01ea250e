"""The plan of a release: SQL state and migrations together, what stands in its way, and what could be taken back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pgdeploy.core.step import Risk
from pgdeploy.layers import LAYERS, SERVER, layer_of
from pgdeploy.layers.migration.lint import has_way_down
from pgdeploy.layers.migration.process import kept_processes
from pgdeploy.layers.migration.reading import read_all
from pgdeploy.lifecycle.release.precondition import Obstacle, obstacles
from pgdeploy.lifecycle.release.undo import sections_of
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.layer import Layer
    from pgdeploy.core.step import StepPlan
    from pgdeploy.gate.gate import Gate
    from pgdeploy.layers.migration.reading import MigrationFact
    from pgdeploy.layers.server.plan import Plan

MIGRATION = layer_of("migration")


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """`waits` are layers that can only be planned when the SQL state has made their databases."""

    state: Plan
    steps: Mapping[str, StepPlan]
    """By layer."""
    obstacles: tuple[Obstacle, ...]
    undo: tuple[str, ...] = ()
    """For people: of each revision how it could be taken back."""
    waits: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it would change nothing."""
        return not (self.state.changes or self.waits or any(plan.steps for plan in self.steps.values()))

    @property
    def causes(self) -> frozenset[str]:
        """Ids of the checks that are red before it, as it is to mend them."""
        known = {*self.state.drifts, *(one.check.id for one in self.state.stuck)}
        for plan in self.steps.values():
            known |= {*plan.drifts, *(one.check.id for one in (*plan.stuck, *plan.unreadable))}
        return frozenset(known)


def layers_of(gate: Gate) -> list[Layer]:
    """What is made in the server beside its state, in order."""
    return [layer for layer in LAYERS if layer.in_server and layer.declared_in(gate.target.spec)]


def planned(gate: Gate, layer: Layer, to: str | None) -> StepPlan:
    """The steps of a layer; of migrations up to a revision, where one is named."""
    plan = layer.plan(gate, patient=True)
    return layer.up_to(plan, to) if to is not None and layer is MIGRATION else plan


def plan_release(
    gate: Gate, backup: str, to: str | None, *, users_out: bool, inherited: Collection[str]
) -> ReleasePlan:
    """Everything is read anew.

    Raises:
        TargetError: the server cannot be reached, or a revision that is named is not pending.
    """
    state = gate.plan()
    steps, waits = {}, []
    with kept_processes():
        for layer in layers_of(gate):
            plan = planned(gate, layer, None)
            if plan.unreadable and state.changes:
                waits.append(layer.name)  # its database is yet to be made, or opened
                plan = replace(plan, unreadable=())
            elif to is not None and layer is MIGRATION:
                plan = layer.up_to(plan, to)
            steps[layer.name] = plan
        facts = read_all(sections_of(gate), gate.server)
        undo = tuple(_undo(facts, steps, saved=backup == "make"))
        found = [
            *_of_state(state),
            *obstacles(gate, backup, steps, facts, users_out=users_out, inherited=inherited),
        ]
    return ReleasePlan(state, steps, tuple(found), undo, tuple(waits))


def _undo(facts: Mapping[str, MigrationFact], steps: Mapping[str, StepPlan], *, saved: bool) -> Iterator[str]:
    otherwise = "a restore of the backup that the release makes" if saved else "none"
    for step in steps[MIGRATION.name].steps if MIGRATION.name in steps else ():
        name, revision = step.payload.name, step.payload.revision
        known = {one.revision: one for one in facts[name].known_scripts.revisions}
        way = "its own way down" if has_way_down(known[revision]) else otherwise
        yield f"undo of {quoted_name(name)}: {revision}: {way}"


def _of_state(state: Plan) -> list[Obstacle]:
    losing = [
        Obstacle("destructive", f"{SERVER.title}: {change.causes[0]}: loses {change.lost}")
        for change in state.changes
        if change.risk is Risk.DESTRUCTIVE
    ]
    return losing + [Obstacle("unreadable", f"{one.check.id}: {one.reason}") for one in state.unreadable]
