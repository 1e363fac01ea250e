"""A plan: the ordered changes that bring a server to its spec, and the findings that no change can remove.

The same comparisons as in the gate, asked as if the parents that the plan itself makes were there: a
database that is still absent is compared as the copy of its template that it will be.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pgdeploy.change import Change, Stage
from pgdeploy.check import Check, Finding, Resource, Verdict, evaluate
from pgdeploy.errors import Unreadable
from pgdeploy.facts import COPIED, Facts, Rows
from pgdeploy.resources import acl, extension
from pgdeploy.resources.database import DatabaseSpec, databases, generation
from pgdeploy.resources.default_privilege import DEFAULT_PRIVILEGES
from pgdeploy.rights import adapt

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

    @property
    def digest(self) -> str:
        """Stands for all that the plan would do; secrets are not in it, as every verifier has new salt."""
        return sha256(json.dumps([as_data(change) for change in self.changes]).encode()).hexdigest()


def as_data(change: Change) -> dict[str, Any]:
    """A change as JSON; passwords are masked."""
    return {
        "database": change.database,
        "sql": [statement.text for statement in change.statements],
        "hba": change.hba,
        "causes": list(change.causes),
        "effect": str(change.effect),
        "risk": str(change.risk),
        "lost": change.lost,
    }


def plan(spec: Spec, resources: Sequence[Resource], facts: Facts) -> Plan:
    """Compare everything and collect the changes in the order in which they can be made."""
    creating = {name: body for name, body in spec.databases.items() if name not in facts.once(databases)}
    view = _with_new_databases(spec, creating, facts) if creating else facts
    ordered: list[tuple[tuple[int, int, int], Change]] = []
    stuck: list[Finding] = []
    unreadable: list[Finding] = []
    found: dict[str, Finding] = {}
    for resource in resources:
        checks = [check for check in resource.checks() if not _comes_with_template(check, spec, creating)]
        findings = [evaluate(check, view, parents=False) for check in checks]
        drifts = [finding for finding in findings if finding.verdict is Verdict.DRIFTS]
        changes, refused = _possible(resource.changes(drifts, view) if drifts else (), facts)
        removed = {cause for change in changes for cause in change.causes}
        found.update((drift.check.id, drift) for drift in drifts)
        stuck += [
            replace(drift, stuck=refused.get(drift.check.id, drift.stuck))
            for drift in drifts
            if drift.check.id not in removed or drift.check.id in refused
        ]
        unreadable += [finding for finding in findings if finding.verdict is Verdict.UNREADABLE]
        ordered += [(_order(spec, resource, change), change) for change in changes]
    ordered.sort(key=lambda pair: pair[0])
    waves: dict[tuple[int, int, int], list[Change]] = {}
    for wave, change in ordered:
        waves.setdefault(wave, []).append(change)
    return Plan(
        tuple(change for _, change in ordered),
        tuple(stuck),
        tuple(unreadable),
        found,
        tuple(tuple(sorted(wave, key=lambda change: change.stage)) for wave in waves.values()),
    )


def _possible(changes: Iterable[Change], facts: Facts) -> tuple[list[Change], dict[str, str]]:
    """The changes that this user may make, and why not for the causes of the others."""
    possible, refused = [], {}
    for change in changes:
        adapted = adapt(change, facts)
        if isinstance(adapted, str):
            refused.update(dict.fromkeys(change.causes, adapted))
        else:
            possible.append(adapted)
    return possible, refused


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
    if target is None or target not in creating or (creating[target].from_template or "") not in spec.databases:
        return False
    return check.keys[:2] != ("databases", target) or (check.aspect == "undeclared" and check.resource.kind != "database")


def _with_new_databases(spec: Spec, creating: Mapping[str, DatabaseSpec], facts: Facts) -> Facts:
    rows = {name: dict(_copy_of(spec, name, facts)) for name in creating}
    return facts.assuming(rows, {acl.SHARED_ACLS.name: [_fresh_acl(name) for name in creating]})


def _fresh_acl(database: str) -> acl.AclFact:
    """What PUBLIC has on every new database."""
    return acl.AclFact("database", None, database, None, -1, False, False, 0, -1, "CONNECT,TEMPORARY", None, None)


def _copy_of(spec: Spec, name: str, facts: Facts) -> Rows:
    """What a new database holds: the rows of the nearest template that is there."""
    from pgdeploy.resources.database import Database

    template = Database(name, spec.databases[name]).template or COPIED
    if template in facts.rows_of_databases:
        return facts.rows_of_databases[template]
    if template in spec.databases:
        return _copy_of(spec, template, facts)
    copied = facts.rows_of_databases.get(COPIED, {})
    return dict(_pristine(copied)) if template == "template0" else copied


def _pristine(copied: Rows) -> Iterator[tuple[str, tuple[Any, ...] | Unreadable]]:
    """template0 lets nobody in to look: it is template1 without what somebody put there."""
    for query, rows in copied.items():
        if isinstance(rows, Unreadable):
            yield query, rows
        elif query == extension.EXTENSIONS.name:
            yield query, tuple(row if row.name == "plpgsql" else row._replace(version=None) for row in rows)
        elif query == DEFAULT_PRIVILEGES.name:
            yield query, ()
        elif query == acl.ACLS.name:
            given = {("language", "sql"), ("language", "plpgsql"), ("schema", "public")}
            yield query, tuple(_as_made(row) for row in rows if (row.kind, row.name) in given)
        else:
            yield query, rows


def _as_made(row: acl.AclFact) -> acl.AclFact:
    return row._replace(plain=row.initial, grantable=None) if row.initial else row
