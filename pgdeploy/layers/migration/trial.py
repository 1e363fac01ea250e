"""The rehearsal as checks: one for each revision, and what all of them together must lead to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource
from pgdeploy.errors import PgdeployError
from pgdeploy.layers.migration.check import as_the_models
from pgdeploy.layers.migration.project import scripts_of
from pgdeploy.layers.migration.reading import differences_of
from pgdeploy.layers.migration.rehearsal import Rehearsed, allowed, rehearse
from pgdeploy.layers.migration.scripts import Revision, Scripts
from pgdeploy.layers.migration.unreached import UNREACHED, unreached
from pgdeploy.text.counted import counted
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.core.layer import Declared, Layer, Site
    from pgdeploy.layers.migration.lint import MigrationAdvice
    from pgdeploy.model.migration import MigrationSpec

_LEFT = "up, down and up again, and nothing is lost or left"


def rehearse_all(
    site: Site, layer: Layer, sections: Mapping[str, MigrationSpec]
) -> Iterator[tuple[str, Rehearsed]]:
    """Rehearse each entry of `migrations:` on a server to throw away that has no revision yet.

    Raises:
        TargetError: the server cannot be reached, or pg_dump is missing or fails.
        MissingExtra: Alembic or squawk is not installed.
    """
    spec = site.declared.spec
    for name, section in sections.items():
        scripts = scripts_of(section)
        shown = rehearse(spec, name, section, scripts, site.server, site.note)
        site.prepare(layer)  # what the spec grants on what was made
        found = allowed(scripts, list(unreached(name, section, scripts, site.server)))
        models = differences_of(spec, name, section, site.server) if not shown.stopped else None
        yield name, shown._replace(findings=(*shown.findings, *found), differences=models)


def rehearsals(declared: Declared, sections: Mapping[str, MigrationSpec]) -> tuple[Rehearsal, ...]:
    """Each entry of `migrations:`; one whose scripts cannot be read has no checks of revisions."""
    return tuple(Rehearsal(name, _scripts(section)) for name, section in sections.items())


def _scripts(section: MigrationSpec) -> Scripts:
    try:
        return scripts_of(section)
    except PgdeployError:
        return Scripts((), ())  # whoever is asked first says why


@dataclass(frozen=True, slots=True)
class Rehearsal(Resource):
    """All revisions of one entry, on a server to throw away."""

    layer: ClassVar[str] = "migration"
    kind: ClassVar[str] = "rehearsal"
    trial: ClassVar[bool] = True
    name: str
    scripts: Scripts

    def checks(self) -> Iterator[Check]:
        whole = f"rehearsal[{quoted_name(self.name)}]"
        for one in self.scripts.revisions:
            address = f"rehearsal[{quoted_name(self.name)}: {one.revision}]"
            yield Check(self, address, "revision", self._keys, partial(self._revision, one), subject=one)
        yield Check(self, whole, "upgrade", self._keys, self._upgrade)
        yield Check(self, whole, "models", self._keys, self._models)
        yield Check(self, whole, "grants", self._keys, self._grants)

    @property
    def _keys(self) -> tuple[str, ...]:
        return ("migrations", self.name)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        found = self._found(facts)
        if not found.stopped or check.field == "upgrade":
            return None
        if check.field == "revision":
            order = [one.revision for one in self.scripts.revisions]
            if order.index(check.subject.revision) <= order.index(found.stopped):
                return None
        return f"revision {found.stopped} fails"

    def _found(self, facts: Facts) -> Rehearsed:
        found: Rehearsed = facts.section(self.layer)[self.name]
        return found

    def _revision(self, one: Revision, facts: Facts) -> Outcome:
        found = [item for item in self._found(facts).findings if item.file in one.files]
        return _outcome(_LEFT, [item for item in found if item.rule != UNREACHED])

    def _upgrade(self, facts: Facts) -> Outcome:
        found = self._found(facts)
        desired = counted(len(self.scripts.revisions), "revision")
        actual = f"{found.number}, and {found.stopped} fails" if found.stopped else desired
        return Outcome(not found.stopped, desired, actual)

    def _models(self, facts: Facts) -> Outcome:
        return as_the_models(self._found(facts).differences)

    def _grants(self, facts: Facts) -> Outcome:
        found = [one for one in self._found(facts).findings if one.rule == UNREACHED]
        return _outcome("somebody may use each table", found)


def _outcome(desired: str, found: Sequence[MigrationAdvice]) -> Outcome:
    """Conforms where nothing was found; else what was, and where the first of it is."""
    if not found:
        return Outcome(True, desired, desired)
    actual = "; ".join(f"{one.rule}: {one.message}" for one in found)
    return Outcome(False, desired, actual, f"{found[0].file}:{found[0].line}")
