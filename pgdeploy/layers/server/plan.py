"""A plan: the ordered changes that bring a server to its spec, and the findings that no change can remove.

The same comparisons as in the gate, asked as if the parents that the plan itself makes were there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pgdeploy.core.check import Check, Finding, Verdict, evaluate
from pgdeploy.core.facts import Facts
from pgdeploy.core.remedy import Remedy
from pgdeploy.core.step import Risk
from pgdeploy.errors import SecretError, Unreadable
from pgdeploy.layers.server.change import NOTHING, Change, HiddenText, Stage, TakenAway
from pgdeploy.layers.server.database import databases
from pgdeploy.layers.server.default_privilege import DefaultPrivileges
from pgdeploy.layers.server.external import missing
from pgdeploy.layers.server.foothold import held_back
from pgdeploy.layers.server.grant import Grants
from pgdeploy.layers.server.projected_facts import ProjectedFacts, project
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rights import Rights
from pgdeploy.layers.server.role_dropping import AbsentRole, UndeclaredRoles
from pgdeploy.layers.server.rolefact import absent, roles
from pgdeploy.layers.server.routine import MAKE_FIRST
from pgdeploy.layers.server.unmade import Unmade
from pgdeploy.model.database import DatabaseSpec
from pgdeploy.model.inheritance import inherited, template_depth
from pgdeploy.secret.reference import Secret, slow_hash
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


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
    def taken(self) -> TakenAway:
        """How much the plan takes away."""
        return TakenAway(*map(sum, zip(NOTHING, *(change.taken for change in self.changes), strict=True)))

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
    return any(not finding.remedy.text.endswith(MAKE_FIRST) for finding in waiting)


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
        "ident": change.ident,
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
        "takes_away": change.taken._asdict(),
    }


def plan(spec: Spec, resources: Sequence[ServerResource], facts: Facts) -> Plan:
    """Compare everything and collect the changes in the order in which they can be made.

    What whoever plans may not do is found on the way, and then what comes after it is compared without it.
    """
    given_up: frozenset[str] = frozenset()
    while True:
        made, refused = _planned(spec, resources, facts, given_up)
        if refused <= given_up:
            return made
        given_up |= refused


def _planned(
    spec: Spec, resources: Sequence[ServerResource], facts: Facts, given_up: frozenset[str]
) -> tuple[Plan, frozenset[str]]:
    """The plan, and the checks that are not mended as whoever plans may not."""
    creating = {name: body for name, body in spec.databases.items() if name not in facts.once(databases)}
    projected = project(spec, resources, facts, given_up)
    lacking = {**missing(spec, facts), **dict(_given_up_roles(spec, facts, given_up))}
    ordered: list[_Ordered] = []
    kept: dict[str, str] = {}
    drifts: list[Finding] = []
    unreadable: list[Finding] = []
    for resource in resources:
        view = projected.for_kind(resource.kind)
        checks = [check for check in resource.checks() if not _comes_with_template(check, spec, creating)]
        findings = [evaluate(check, view, parents=False) for check in checks]
        off = [finding for finding in findings if finding.verdict is Verdict.DRIFTS]
        drifts += off
        unreadable += [finding for finding in findings if finding.verdict is Verdict.UNREADABLE]
        ours = dict(held_back(resource, off, view)) if off else {}
        ours |= dict(_waiting(resource, off, lacking, view)) if lacking else {}
        kept |= ours
        off = [finding for finding in off if finding.check.id not in ours]
        changes = resource.changes(off, view) if off else ()
        ordered += [(_order(spec, resource, change), change) for change in changes]
    ordered.sort(key=lambda pair: (pair[0], pair[1].stage, pair[1].rank))
    rights = Rights(projected.staying, projected.with_schemas)
    unmade = Unmade(spec, creating, [change for _, change in ordered])
    possible, refused = _possible(ordered, rights, lacking, unmade)
    forbidden = frozenset({*refused, *kept})
    refused |= kept
    possible = _guarded(possible, resources, projected)
    waves: dict[tuple[int, int, int], list[Change]] = {}
    for wave, change in possible:
        waves.setdefault(wave, []).append(change)
    stuck = tuple(_stuck(drifts, possible, refused))
    then = {
        **_then(spec, creating, possible, stuck),
        **_opened(facts, possible, refused, (*stuck, *unreadable)),
    }
    waiting = {finding.check.id for findings in then.values() for finding in findings}
    made = Plan(
        tuple(change for _, change in possible),
        tuple(finding for finding in stuck if finding.check.id not in waiting),
        tuple(finding for finding in unreadable if finding.check.id not in waiting),
        {drift.check.id: drift for drift in drifts},
        tuple(map(tuple, waves.values())),
        then,
    )
    return made, forbidden


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
        if database in found and finding.remedy.text.endswith(MAKE_FIRST):
            found[database].append(finding)
    return {database: tuple(findings) for database, findings in found.items()}


def _opened(
    facts: Facts, possible: Iterable[_Ordered], refused: Collection[str], left: Sequence[Finding]
) -> Mapping[str, tuple[Finding, ...]]:
    """Databases that are shut until this plan opens them, and what waits for that."""
    mended = {cause for _, change in possible for cause in change.causes if cause not in refused}
    opened = [database for database, shut in facts.shut.items() if shut.by in mended]
    return {database: tuple(one for one in left if _waits_for(one, database, facts)) for database in opened}


def _waits_for(finding: Finding, database: str, facts: Facts) -> bool:
    """Whether it is about what stands in a database that could not be read: all there, and roles that must go."""
    resource = finding.check.resource
    if isinstance(resource, AbsentRole | UndeclaredRoles):
        return database in resource.unread_places(facts)
    return finding.verdict is Verdict.UNREADABLE and getattr(resource, "database", None) == database


def _given_up_roles(spec: Spec, facts: Facts, given_up: Collection[str]) -> Iterator[tuple[str, str]]:
    """Roles that are not there and may not be made, and what to say of all that needs one."""
    known = facts.once(roles)
    for role in spec.roles:
        if role not in known and f"role[{quoted_name(role)}].exists" in given_up:
            yield role, f"{absent(role, facts)}, and may not be made"


def _waiting(
    resource: ServerResource, drifts: Iterable[Finding], lacking: Mapping[str, str], facts: Facts
) -> Iterator[tuple[str, str]]:
    """Of these drifts those that name a role which others must make first, and why they stay."""
    for drift in drifts:
        named = resource.roles_named(facts, drift.check)
        if not drift.remedy and (why := next((lacking[role] for role in named if role in lacking), "")):
            yield drift.check.id, why


def _possible(
    ordered: Iterable[_Ordered], rights: Rights, lacking: Mapping[str, str], unmade: Unmade
) -> tuple[list[_Ordered], dict[str, str]]:
    """The changes that this user may make, and why not for the causes of the others."""
    possible: list[_Ordered] = []
    refused: dict[str, str] = {}
    parts: dict[str, str] = {}
    for wave, change in ordered:
        waiting = next((lacking[role] for role in change.acts_as if role in lacking), None)
        adapted = waiting or unmade.without(change) or rights.adapt(change)
        if isinstance(adapted, str):
            unmade.learn(change)
            for cause in change.causes:  # the first reason is the one behind the others
                refused.setdefault(cause, adapted)
                parts.setdefault(cause, change.statements[0].text if change.statements else "")
        else:
            possible.append((wave, adapted))
    for cause in {cause for _, change in possible for cause in change.causes if parts.get(cause)}:
        refused[cause] += f" for {parts[cause]}"  # the rest is done
    return possible, refused


def _guarded(
    possible: Sequence[_Ordered], resources: Sequence[ServerResource], projected: ProjectedFacts
) -> list[_Ordered]:
    """What goes beyond the spec is destructive where it is more than all that the spec names: is the spec whole?"""
    beyond = sum(change.taken.rights for _, change in possible if change.undeclared)
    named = _named(resources, projected) if beyond else 0
    if beyond <= named:
        return list(possible)
    why = (
        f"(this plan takes away {beyond} that no line says, and the spec names {named}: see whether it says all that "
        "is to stay)"
    )
    return [
        (wave, replace(change, risk=Risk.DESTRUCTIVE, lost=f"{change.taken.rights} privileges {why}"))
        if change.undeclared and change.taken.rights
        else (wave, change)
        for wave, change in possible
    ]


def _named(resources: Sequence[ServerResource], projected: ProjectedFacts) -> int:
    """Privileges that the lines of the spec name, on the server as it will be."""
    found = 0
    for resource in resources:
        if isinstance(resource, Grants | DefaultPrivileges):
            with suppress(Unreadable):
                found += resource.named(projected.for_kind(resource.kind))
    return found


def _stuck(
    drifts: Iterable[Finding], possible: Iterable[_Ordered], refused: Mapping[str, str]
) -> Iterator[Finding]:
    """What no change removes, or not all of it."""
    removed = {cause for _, change in possible for cause in change.causes}
    for drift in drifts:
        if drift.check.id not in removed or drift.check.id in refused or drift.remedy:
            why = refused.get(drift.check.id)
            yield drift if why is None else replace(drift, remedy=Remedy(why))


def _order(spec: Spec, resource: ServerResource, change: Change) -> tuple[int, int, int]:
    """The wave of a change: server, then databases (templates and all in them first), then the rest."""
    if change.stage < Stage.DATABASE:
        return (change.stage, 0, 0)
    if change.stage >= Stage.ROLE_IN_DATABASE:
        return (change.stage, 0, 0)
    name = getattr(resource, "database", None)
    return (Stage.DATABASE, template_depth(spec, name) if name else 0, int(change.stage > Stage.DATABASE))


# -- databases that are not there yet ------------------------------------------------------------------


def _comes_with_template(check: Check, spec: Spec, creating: Mapping[str, DatabaseSpec]) -> bool:
    """Whether a copy of a declared template brings it: the template's own plan sees to it before."""
    target: str | None = getattr(check.resource, "database", None)
    if target is None or target not in creating:
        return False
    template = spec.databases.get(creating[target].from_template or "")
    if template is None or template.allow_connections is False:  # nothing is planned where nobody is let in
        return False
    if check.resource.kind == "grant" and _changes_hands(creating[target]):
        return False
    if check.resource.kind == "grant" and check.aspect == "undeclared" and _names_more(creating[target]):
        return False
    inherited = check.keys[:2] != ("databases", target)
    return inherited or (check.aspect == "undeclared" and check.resource.kind != "database")


def _names_more(body: DatabaseSpec) -> bool:
    """Whether it names something that its template need not name: nobody else may have anything on that here."""
    return bool(body.schemas or body.grants)


def _changes_hands(body: DatabaseSpec) -> bool:
    """Whether what the template brings gets other owners here, and so loses privileges of the old ones."""
    return bool(body.ownership) or any(schema.owner for schema in body.schemas.values())
