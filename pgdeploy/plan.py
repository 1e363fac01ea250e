"""A plan: the ordered changes that bring a server to its spec, and the findings that no change can remove.

The same comparisons as in the gate, asked as if the parents that the plan itself makes were there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pgdeploy.change import Change, HiddenText, Risk, Stage
from pgdeploy.check import Check, Finding, Resource, Verdict, evaluate
from pgdeploy.errors import SecretError
from pgdeploy.facts import Facts
from pgdeploy.foothold import held_back
from pgdeploy.prospect import foresee
from pgdeploy.resources.database import DatabaseSpec, databases, generation, inherited
from pgdeploy.resources.routine import MAKE_FIRST
from pgdeploy.rights import Rights
from pgdeploy.secret import Secret, slow_hash

if TYPE_CHECKING:
    from pgdeploy.resources.spec import Spec


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, what nobody can do from here (`stuck`), and what could not be read."""

    changes: tuple[Change, ...]
    stuck: tuple[Finding, ...]
    unreadable: tuple[Finding, ...]
    drifts: Mapping[str, Finding]
    """Why: the findings behind the changes' causes, by check id."""
    waves: tuple[tuple[Change, ...], ...]
    """The changes again, in groups: one group must be whole before the next begins."""
    then: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    """Databases to be planned again when this is made. Where extensions change nobody knows before what their scripts
    make: the findings are about named objects that are not there yet. Where the plan opens a database that is shut they
    are all that could not be read in it.
    """

    def only(self, keep: Callable[[Change], bool]) -> Plan:
        """The same with some of its changes."""
        waves = (tuple(filter(keep, wave)) for wave in self.waves)
        return replace(self, changes=tuple(filter(keep, self.changes)), waves=tuple(filter(None, waves)))

    def rest(self, waiting: Mapping[str, Sequence[Finding]]) -> Plan:
        """What a plan before this one left: owners and privileges, as it could not know what its extensions bring; all
        in a database that was shut.
        """

        def is_left(change: Change) -> bool:
            if change.database is None or change.database not in waiting or change.risk is not Risk.SAFE:
                return False
            return change.stage in _ON_OBJECTS or (
                change.stage is Stage.EXTENSION and was_shut(waiting[change.database])
            )

        return replace(self.only(is_left), stuck=(), unreadable=(), then={})

    @property
    def hidden(self) -> str:
        """Stands for all that is masked in the plan but passwords, as every verifier has new salt; empty for nothing.

        It is a slow hash: a plan travels, and nobody should guess at a secret by it.
        """
        hidden = [text for change in self.changes for text in _hidden(change)]
        shown = json.dumps([as_data(change) for change in self.changes])
        return slow_hash(json.dumps(hidden), shown) if hidden else ""


_ON_OBJECTS = (
    Stage.SCHEMA,
    Stage.SCHEMA_AFTER_EXTENSION,
    Stage.OWNERSHIP,
    Stage.DEFAULT_PRIVILEGE,
    Stage.GRANT,
    Stage.ROW_SECURITY,
    Stage.OBJECT,
)
"""What is made of the objects in a database, as far as it hangs on what there is."""


def was_shut(waiting: Iterable[Finding]) -> bool:
    """Whether a database is planned again as nobody could look into it, and not for its extensions."""
    return any(finding.verdict is Verdict.UNREADABLE for finding in waiting)


def _hidden(change: Change) -> Iterator[str]:
    """What is masked in a change, passwords apart."""
    for statement in change.statements:
        if isinstance(statement.secret, Secret):
            yield statement.secret.reveal()
    if change.hba is not None and (text := _whole(change.hba)) != change.hba.shown:
        yield text


def _whole(file: HiddenText) -> str:
    """Where a secret cannot be read the plan says so, and is not applied."""
    try:
        return file.read()
    except SecretError:
        return file.shown


def as_data(change: Change) -> dict[str, Any]:
    """All of a change as JSON; passwords are masked."""
    return {
        "stage": change.stage.name.lower(),
        "database": change.database,
        "sql": [statement.text for statement in change.statements],
        "hba": change.hba.shown if change.hba is not None else None,
        "causes": list(change.causes),
        "effect": str(change.effect),
        "risk": str(change.risk),
        "lost": change.lost,
        "transactional": change.transactional,
        "acts_as": list(change.acts_as),
        "borrows": change.borrows,
        "needs": list(change.needs),
        "notes": list(change.notes),
        "rank": change.rank,
        "loads": [library.name for library in change.loads],
    }


def plan(spec: Spec, resources: Sequence[Resource], facts: Facts) -> Plan:
    """Compare everything and collect the changes in the order in which they can be made."""
    creating = {name: body for name, body in spec.databases.items() if name not in facts.once(databases)}
    prospect = foresee(spec, resources, facts)
    ordered: list[_Ordered] = []
    kept: dict[str, str] = {}
    drifts: list[Finding] = []
    unreadable: list[Finding] = []
    for resource in resources:
        view = prospect.for_kind(resource.kind)
        checks = [check for check in resource.checks() if not _comes_with_template(check, spec, creating)]
        findings = [evaluate(check, view, parents=False) for check in checks]
        off = [finding for finding in findings if finding.verdict is Verdict.DRIFTS]
        drifts += off
        unreadable += [finding for finding in findings if finding.verdict is Verdict.UNREADABLE]
        ours = held_back(resource, off, view) if off else {}
        kept |= ours
        off = [finding for finding in off if finding.check.id not in ours]
        changes = resource.changes(off, view) if off else ()
        ordered += [(_order(spec, resource, change), change) for change in changes]
    ordered.sort(key=lambda pair: (pair[0], pair[1].stage, pair[1].rank))
    possible, refused = _possible(ordered, Rights(prospect.staying))
    refused |= kept
    waves: dict[tuple[int, int, int], list[Change]] = {}
    for wave, change in possible:
        waves.setdefault(wave, []).append(change)
    stuck = tuple(_stuck(drifts, possible, refused))
    then = {**_then(spec, creating, possible, stuck), **_opened(facts, possible, refused, unreadable)}
    waiting = {finding.check.id for findings in then.values() for finding in findings}
    return Plan(
        tuple(change for _, change in possible),
        tuple(finding for finding in stuck if finding.check.id not in waiting),
        tuple(finding for finding in unreadable if finding.check.id not in waiting),
        {drift.check.id: drift for drift in drifts},
        tuple(map(tuple, waves.values())),
        then,
    )


_Ordered = tuple[tuple[int, int, int], Change]
"""A change and its wave."""


def _then(
    spec: Spec,
    creating: Collection[str],
    possible: Iterable[_Ordered],
    stuck: Sequence[Finding],
) -> Mapping[str, tuple[Finding, ...]]:
    """Databases in which an extension is made or updated, and what waits for the objects that it may bring."""
    changed = {change.database for _, change in possible if change.stage is Stage.EXTENSION}
    # copies are made before the privileges in their template are whole
    sources = {name: {source for source, _ in inherited(spec, name)} for name in creating}
    known = [
        name for name in spec.databases if name in changed or not changed.isdisjoint(sources.get(name, ()))
    ]
    found: dict[str, list[Finding]] = {database: [] for database in known}
    for finding in stuck:
        database = getattr(finding.check.resource, "database", None)
        if database in found and finding.stuck.endswith(MAKE_FIRST):
            found[database].append(finding)
    return {database: tuple(findings) for database, findings in found.items()}


def _opened(
    facts: Facts, possible: Iterable[_Ordered], refused: Collection[str], unreadable: Sequence[Finding]
) -> Mapping[str, tuple[Finding, ...]]:
    """Databases that are shut until this plan opens them, and what waits for that."""
    mended = {cause for _, change in possible for cause in change.causes if cause not in refused}
    opened = [database for database, shut in facts.shut.items() if shut.by in mended]
    return {
        database: tuple(
            finding for finding in unreadable if getattr(finding.check.resource, "database", None) == database
        )
        for database in opened
    }


def _possible(ordered: Iterable[_Ordered], rights: Rights) -> tuple[list[_Ordered], dict[str, str]]:
    """The changes that this user may make, and why not for the causes of the others."""
    possible: list[_Ordered] = []
    refused: dict[str, str] = {}
    for wave, change in ordered:
        adapted = rights.adapt(change)
        if isinstance(adapted, str):
            refused.update(dict.fromkeys(change.causes, adapted))
        else:
            possible.append((wave, adapted))
    return possible, refused


def _stuck(
    drifts: Iterable[Finding], possible: Iterable[_Ordered], refused: Mapping[str, str]
) -> Iterator[Finding]:
    """What no change removes, or not all of it."""
    removed = {cause for _, change in possible for cause in change.causes}
    for drift in drifts:
        if drift.check.id not in removed or drift.check.id in refused or drift.stuck:
            yield replace(drift, stuck=refused.get(drift.check.id, drift.stuck))


def _order(spec: Spec, resource: Resource, change: Change) -> tuple[int, int, int]:
    """The wave of a change: server, then databases (templates and all in them first), then the rest."""
    if change.stage < Stage.DATABASE:
        return (change.stage, 0, 0)
    if change.stage >= Stage.ROLE_IN_DATABASE:
        return (change.stage, 0, 0)
    name = getattr(resource, "database", None)
    return (Stage.DATABASE, generation(spec, name) if name else 0, int(change.stage > Stage.DATABASE))


# -- databases that are not there yet ------------------------------------------------------------------


def _comes_with_template(check: Check, spec: Spec, creating: Mapping[str, DatabaseSpec]) -> bool:
    """Whether a copy of a declared template brings it: the template's own plan sees to it before."""
    target: str | None = getattr(check.resource, "database", None)
    if (
        target is None
        or target not in creating
        or (creating[target].from_template or "") not in spec.databases
    ):
        return False
    if check.resource.kind == "grant" and _changes_hands(creating[target]):
        return False
    inherited = check.keys[:2] != ("databases", target)
    return inherited or (check.aspect == "undeclared" and check.resource.kind != "database")


def _changes_hands(body: DatabaseSpec) -> bool:
    """Whether what the template brings gets other owners here, and so loses privileges of the old ones."""
    return bool(body.ownership) or any(schema.owner for schema in body.schemas.values())
