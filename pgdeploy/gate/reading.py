"""Reading the facts of a target: the layers that are asked, each once, after those that it requires."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from pgdeploy.core.facts import NOBODY, Facts
from pgdeploy.core.layer import is_readable
from pgdeploy.errors import Inapplicable, PgdeployError, TargetError, TooOld, Unasked
from pgdeploy.layers import LAYERS
from pgdeploy.reach.side_by_side import side_by_side

if TYPE_CHECKING:
    from pgdeploy.core.layer import Declared, Layer
    from pgdeploy.reach.server import Server

Part: TypeAlias = Mapping[str, Any]
"""The fields of `Facts` that a layer fills."""


def read(declared: Declared, server: Server, layers: Sequence[Layer] = LAYERS) -> Facts:
    """What these layers say; the others that the spec speaks of are marked as not asked.

    Layers that do not require each other are read side by side. A layer that does not answer is unreadable; where
    another one is down, such as a VM that does not run, what stands on it is not asked. Where none of these layers
    answers, the others are read, too: they may know why.

    Raises:
        TargetError: no layer answers, or PostgreSQL is too old.
    """
    sections: dict[str, Unasked | Inapplicable] = {}
    asked: list[Layer] = []
    for layer in _declared(declared, LAYERS):
        if why := layer.inapplicable(server):
            sections[layer.name] = Inapplicable(why)
        elif layer in layers:
            asked.append(layer)
        else:
            sections[layer.name] = Unasked(f"{layer.title} was not read")
    return _read_into(Facts(NOBODY, server, {}, {}, sections=sections), declared, server, asked, {})


def read_rest(facts: Facts, declared: Declared, server: Server) -> Facts:
    """The facts with those layers that were not asked yet."""
    left = _unasked(facts)
    return _read_into(facts, declared, server, left, {}) if left else facts


def _unasked(facts: Facts) -> list[Layer]:
    return [layer for layer in LAYERS if isinstance(facts.sections.get(layer.name), Unasked)]


def _read_into(
    facts: Facts,
    declared: Declared,
    server: Server,
    asked: Sequence[Layer],
    failed: dict[Layer, PgdeployError],
) -> Facts:
    part_of = partial(_part, declared, server, failed)
    for wave in _waves(asked):
        # in what is down nothing can answer, and ssh would only wait for it
        unread = [layer.unread(facts.down) for layer in wave] if facts.down else None
        facts = _joined(facts, unread or _side_by_side(wave, part_of))
    if failed and not facts.down and not _answers(facts):
        if not (left := _unasked(facts)):
            raise _all_failed(failed) from None
        return _read_into(facts, declared, server, left, failed)  # they may know why
    if facts.down and facts.lost:
        facts = replace(facts, lost=facts.down)
    for layer in asked:
        facts = layer.complete(declared, facts)
    return facts


def _part(declared: Declared, server: Server, failed: dict[Layer, PgdeployError], layer: Layer) -> Part:
    try:
        return layer.read(declared, server)
    except TooOld:
        raise
    except PgdeployError as error:
        failed[layer] = error
        return layer.unread(str(error))


def _declared(declared: Declared, layers: Sequence[Layer]) -> Iterator[Layer]:
    return (layer for layer in layers if layer.declared_in(declared.spec))


def _waves(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    """The layers, each after those that it requires."""
    left = list(layers)
    while left:
        names = {layer.name for layer in left}
        wave = [layer for layer in left if not names & set(layer.requires)]
        yield wave
        left = [layer for layer in left if layer not in wave]


def _side_by_side(wave: Sequence[Layer], part_of: Callable[[Layer], Part]) -> list[Part]:
    """The first one is read in this thread, which Ctrl-C reaches."""
    first, *others = wave
    if not others:
        return [part_of(first)]
    with side_by_side(len(others)) as pool:
        # what a context holds open, a process that knows the scripts, serves them, too
        pending = [pool.submit(copy_context().run, part_of, layer) for layer in others]
        return [part_of(first), *(one.result() for one in pending)]


def _joined(facts: Facts, parts: Sequence[Part]) -> Facts:
    sections = dict(facts.sections)
    for part in parts:
        sections |= part.get("sections", {})
        facts = replace(facts, **{**part, "sections": sections}, _memo={})
    return facts


def _answers(facts: Facts) -> bool:
    return facts.about != NOBODY or any(map(is_readable, facts.sections.values()))


def _all_failed(failed: Mapping[Layer, PgdeployError]) -> TargetError:
    """Why nobody can be asked; what is reached by a way of its own need not be the reason of the others."""
    # in the order of the layers: threads fail in any
    first = next((failed[layer] for layer in LAYERS if layer in failed and not layer.by), None)
    apart = [f"nor could {layer.by} be asked: {error}" for layer, error in failed.items() if layer.by]
    if first is None:
        return TargetError("; ".join(apart))
    if isinstance(first, TargetError) and not apart:
        return first
    return TargetError("; ".join([str(first), *apart]))
