"""Extensions: `extensions:` of a database, their version and schema.

What can be installed, moved and updated is known before anything is tried: the files on the server say which versions
there are, what each requires, where it must stand and which update scripts lead where.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts, Query
from pgdeploy.layers.server import database
from pgdeploy.layers.server.change import CREATE, CREATE_IN, Change, Stage, ident, literal, statements
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import names_by_oid
from pgdeploy.model.extension import ExtensionSpec
from pgdeploy.model.inheritance import inherited
from pgdeploy.spec.frozenmap import FrozenMap
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


class ExtensionFact(NamedTuple):
    """One that is installed. `reached` are declared versions that it can be updated to, when they were looked for.

    `members`: who owns functions, operators and types of it, which nobody else may move.
    """

    name: str
    version: str
    schema: str
    relocatable: bool
    owner: int
    reached: list[str] | None
    members: list[int]


class Available(NamedTuple):
    """A version of an extension whose files are on the server.

    `superuser`: nobody else may install it. `own`: its script runs with the rights of who installs it, and not with a
    superuser's. `schema` is the only one that it can stand in.
    """

    name: str
    version: str
    default: bool | None
    superuser: bool
    own: bool
    schema: str | None
    requires: list[str]


EXTENSIONS = Query("extensions", ExtensionFact._make, in_database=True, scoped=True)
AVAILABLE = Query("available_extensions", Available._make, scoped=True)
QUERIES = (EXTENSIONS, AVAILABLE)

Declared = Mapping[str, ExtensionSpec]

NEWEST = "newest"
"""The version that the control file names as the default: what CREATE and UPDATE take where nobody names one."""

_NOTHING = ExtensionSpec()
_NO_FILES = "its files are not on the server: install its package there"
_OF_PROVIDERS = frozenset(
    {"rds_superuser", "cloudsqlsuperuser", "alloydbsuperuser", "azure_pg_admin", "neon_superuser"}
)
"""Managed servers have these roles, and let their members install what elsewhere takes a superuser."""


def extensions(facts: Facts, database: str) -> Mapping[str, ExtensionFact]:
    """What is installed in a database."""
    return {row.name: row for row in facts.rows(EXTENSIONS, database)}


def available(facts: Facts) -> Mapping[str, Mapping[str, Available]]:
    """What could be installed, by name and version."""
    found: dict[str, dict[str, Available]] = {}
    for row in facts.rows(AVAILABLE):
        found.setdefault(row.name, {})[row.version] = row
    return found


def moving(facts: Facts, database: str, declared: Declared) -> bool:
    """Whether an extension is still to be installed or updated here: its script may make schemas, and more."""
    known = facts.once(extensions, database)
    return any(
        one not in known or desired_version(facts, one, spec) not in (None, known[one].version)
        for one, spec in declared.items()
    )


def desired_version(facts: Facts, extension: str, spec: ExtensionSpec) -> str | None:
    """The very version that a spec asks for; None: any, or the newest where the server's files name none."""
    if spec.version != NEWEST:
        return spec.version
    version = chosen(facts, extension, spec)
    return version.version if version else None


def chosen(facts: Facts, extension: str, spec: ExtensionSpec) -> Available | None:
    """The version that CREATE EXTENSION would install."""
    versions = facts.once(available).get(extension, {})
    if spec.version not in (None, NEWEST):
        return versions.get(spec.version or "")
    return next((row for row in versions.values() if row.default), None)


def cannot_install(
    facts: Facts, database: str, extension: str, declared: Declared, below: tuple[str, ...] = ()
) -> str:
    """Why CREATE EXTENSION would fail, as far as the server's files say so."""
    spec, versions = declared.get(extension, _NOTHING), facts.once(available).get(extension)
    if not versions:
        return _NO_FILES
    version = chosen(facts, extension, spec)
    if version is None and spec.version not in (None, NEWEST):
        return f"the server has no files of version {spec.version}, only of {listing(versions)}"
    if version is None:
        return _no_default(versions)
    if spec.schema_ is not None and version.schema not in (None, spec.schema_):
        return f"it can stand in the schema {quoted_name(version.schema)} only; declare that, or leave `schema:` out"
    return lacking(facts, database, version, declared, (*below, extension))


def _no_default(versions: Mapping[str, Available]) -> str:
    return f"its files name no default version; declare `version:`, one of {listing(versions)}"


def lacking(
    facts: Facts, database: str, version: Available, declared: Declared, below: tuple[str, ...]
) -> str:
    """Why something that a version requires can be neither found nor installed."""
    for other in version.requires:
        if other in below:
            return f"it and {quoted_name(other)} require each other"
        if other not in facts.once(extensions, database) and (
            why := cannot_install(facts, database, other, declared, below)
        ):
            return f"it requires {quoted_name(other)}, which cannot be installed: {why}"
    return ""


@dataclass(frozen=True, slots=True)
class Extension(ServerResource):
    """One entry of `extensions:` in one database."""

    kind: ClassVar[str] = "extension"
    database: str
    extension: str
    spec: ExtensionSpec
    keys: Keys
    declared: FrozenMap[str, ExtensionSpec]
    """All that the spec declares in this database, as they require each other."""

    @property
    def address(self) -> str:
        return f"extension[{quoted_name(self.database)}: {quoted_name(self.extension)}]"

    def checks(self) -> Iterator[Check]:
        yield Check(self, self.address, "installed", self.keys, self._compare_installed)
        if self.spec.version is not None:
            yield Check(self, self.address, "version", (*self.keys, "version"), self._compare_version)
        if self.spec.schema_ is not None:
            yield Check(self, self.address, "schema", (*self.keys, "schema"), self._compare_schema)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        missing = database.absent(self.database, facts)
        if missing is None and check.field != "installed" and self._fact(facts) is None:
            missing = f"extension {quoted_name(self.extension)} is not installed"
        return missing

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        if facts.server is None or facts.server.kind != "embedded":
            return None
        missing = self.extension not in facts.once(available)
        return f"the embedded server does not ship {quoted_name(self.extension)}" if missing else None

    def _fact(self, facts: Facts) -> ExtensionFact | None:
        return facts.once(extensions, self.database).get(self.extension)

    # -- compare -----------------------------------------------------------------------------------

    def _cannot_install(self, facts: Facts) -> str:
        return cannot_install(facts, self.database, self.extension, self.declared)

    def _compare_installed(self, facts: Facts) -> Outcome:
        there = self._fact(facts) is not None
        remedy = "" if there else self._cannot_install(facts)
        return Outcome(there, "installed", "installed" if there else "not installed", remedy=remedy)

    def _compare_version(self, facts: Facts) -> Outcome:
        fact, version = self._fact(facts), desired_version(facts, self.extension, self.spec)
        newest = self.spec.version == NEWEST
        desired = f"{NEWEST}, {version or 'which is not known'}" if newest else self.spec.version or ""
        if fact is None:
            return Outcome(False, desired, "none", remedy=self._cannot_install(facts))
        there = fact.version == version
        remedy = "" if there else self._cannot_update(facts, fact, version)
        return Outcome(there, desired, fact.version, remedy=remedy)

    def _cannot_update(self, facts: Facts, fact: ExtensionFact, desired: str | None) -> str:
        versions = facts.once(available).get(self.extension)
        if not versions:
            return _NO_FILES
        if desired is None:
            return _no_default(versions)
        if desired not in (fact.reached or ()):
            known = "" if desired in versions else f"; the server has the files of {listing(versions)}"
            return (
                f"no update script leads from {fact.version} to {desired}{known}; to drop and create the extension, "
                "which loses what depends on it, is not ours"
            )
        version = versions.get(desired)
        return lacking(facts, self.database, version, self.declared, (self.extension,)) if version else ""

    def _compare_schema(self, facts: Facts) -> Outcome:
        fact, desired = self._fact(facts), quoted_name(self.spec.schema_ or "")
        if fact is None:
            return Outcome(False, desired, "none", remedy=self._cannot_install(facts))
        remedy = (
            ""
            if fact.relocatable
            else "it is not relocatable: to drop it and create it there, which loses what depends on it, is not ours"
        )
        there = fact.schema == self.spec.schema_
        return Outcome(there, desired, quoted_name(fact.schema), remedy="" if there else remedy)

    # -- changes -----------------------------------------------------------------------------------

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        fields = {drift.check.field: drift.check.id for drift in drifts if not drift.remedy}
        if not fields:
            return
        fact, version = self._fact(facts), chosen(facts, self.extension, self.spec)
        runs = version if fact is None or "version" in fields else None
        required = list(self._required(facts, runs))
        superuser = any(one.superuser for one in (runs, *required) if one) and not _provided(facts)
        needs = ("superuser",) if superuser else tuple(self._creates(fields, fact, (runs, *required)))
        yield Change(
            Stage.EXTENSION,
            statements(*map(self._create_required, required), *self._texts(facts, fields, fact)),
            tuple(fields.values()),
            database=self.database,
            acts_as=tuple(_owners(fields, fact, facts)) if fact else (),
            needs=needs,
            rank=self._rank(facts, self.extension, ()),
        )

    def _creates(
        self, fields: Mapping[str, str], fact: ExtensionFact | None, run: Sequence[Available | None]
    ) -> Iterator[str]:
        """Where it makes something: in the database by a script, in the new schema, in any by a script of ours."""
        scripts = [one for one in run if one is not None]
        if scripts:
            yield CREATE
        schemas = [self.spec.schema_ or "" if fact and "schema" in fields else ""]
        present = fact.schema if fact else self.spec.schema_
        schemas += [one.schema or present or "public" for one in scripts if one.own]
        for schema in dict.fromkeys(filter(None, schemas)):
            yield f"{CREATE_IN}{schema}"

    def _texts(self, facts: Facts, fields: Mapping[str, str], fact: ExtensionFact | None) -> Iterator[str]:
        # the newest is named too, so that what was approved is what is done
        extension, exact = ident(self.extension), desired_version(facts, self.extension, self.spec)
        if fact is None:
            schema = f" SCHEMA {ident(self.spec.schema_)}" if self.spec.schema_ else ""
            version = f" VERSION {literal(exact)}" if exact else ""
            yield f"CREATE EXTENSION {extension}{schema}{version}"
            return
        if "version" in fields:
            yield f"ALTER EXTENSION {extension} UPDATE TO {literal(exact or '')}"
        if "schema" in fields:
            yield f"ALTER EXTENSION {extension} SET SCHEMA {ident(self.spec.schema_ or '')}"

    def _required(self, facts: Facts, version: Available | None) -> Iterator[Available]:
        """What it requires and nobody declares, as CASCADE would install it; one that is declared comes before it."""
        for other in version.requires if version else ():
            if other in self.declared or other in facts.once(extensions, self.database):
                continue
            if further := chosen(facts, other, _NOTHING):
                yield from self._required(facts, further)
                yield further

    def _create_required(self, version: Available) -> str:
        free = self.spec.schema_ is not None and version.schema is None
        schema = f" SCHEMA {ident(self.spec.schema_ or '')}" if free else ""
        return f"CREATE EXTENSION IF NOT EXISTS {ident(version.name)}{schema}"

    def _rank(self, facts: Facts, extension: str, below: tuple[str, ...]) -> int:
        """How many generations of others it requires: those come first."""
        version = chosen(facts, extension, self.declared.get(extension, _NOTHING))
        others = [other for other in (version.requires if version else ()) if other not in below]
        return max((1 + self._rank(facts, other, (*below, extension)) for other in others), default=0)


def _owners(fields: Mapping[str, str], fact: ExtensionFact, facts: Facts) -> Iterator[str]:
    """Whose an extension is, and to move it, what is in it."""
    for oid in (fact.owner, *(sorted(fact.members) if "schema" in fields else ())):
        if owner := facts.once(names_by_oid).get(oid):
            yield owner


def _provided(facts: Facts) -> bool:
    """Whether this is a managed server, whose own rules say who may install what."""
    known = frozenset(facts.once(names_by_oid).values())
    return not known.isdisjoint(_OF_PROVIDERS)


def declared_in(spec: Spec, target: str) -> Mapping[str, tuple[ExtensionSpec, Keys]]:
    """Extensions of a database, its own and those that its templates bring; the nearest word counts."""
    found: dict[str, tuple[ExtensionSpec, Keys]] = {}
    for source, body in inherited(spec, target):
        for extension, extension_spec in body.extensions.items():
            found.setdefault(extension, (extension_spec, ("databases", source, "extensions", extension)))
    return found


def resources(spec: Spec) -> Iterator[ServerResource]:
    for target in spec.databases:
        found = declared_in(spec, target)
        declared = FrozenMap({extension: body for extension, (body, _) in found.items()})
        for extension, (body, keys) in found.items():
            yield Extension(target, extension, body, keys, declared)
