"""Extensions: `extensions:` of a database, their version and schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import Field

from pgdeploy.change import Change, Stage, ident, literal, statements
from pgdeploy.check import Check, Finding, Outcome, Resource, name
from pgdeploy.facts import Facts, Query
from pgdeploy.resources import database
from pgdeploy.spec.model import Identifier, Model

if TYPE_CHECKING:
    from pgdeploy.resources.spec import Spec
    from pgdeploy.spec.place import Keys


class ExtensionSpec(Model):
    """An extension. `{}` means: installed, in whatever version and schema."""

    version: str | None = Field(None, description="exactly this version")
    schema_: Identifier | None = Field(None, alias="schema", description="the schema that holds its objects")


class ExtensionFact(NamedTuple):
    """`version` and `schema` are None while it is only available; `default` is None when its files are gone."""

    name: str
    version: str | None
    schema: str | None
    default: str | None


EXTENSIONS = Query("extensions", ExtensionFact._make, in_database=True)
QUERIES = (EXTENSIONS,)


def extensions(facts: Facts, database: str) -> Mapping[str, ExtensionFact]:
    return {row.name: row for row in facts.rows(EXTENSIONS, database)}


@dataclass(frozen=True, slots=True)
class Extension(Resource):
    """One entry of `extensions:` in one database."""

    kind: ClassVar[str] = "extension"
    database: str
    extension: str
    spec: ExtensionSpec
    keys: Keys

    @property
    def address(self) -> str:
        return f"extension[{name(self.database)}: {name(self.extension)}]"

    def checks(self) -> Iterator[Check]:
        yield Check(self, self.address, "installed", self.keys, self._compare_installed)
        if self.spec.version is not None:
            yield Check(self, self.address, "version", (*self.keys, "version"), self._compare_version)
        if self.spec.schema_ is not None:
            yield Check(self, self.address, "schema", (*self.keys, "schema"), self._compare_schema)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        missing = database.absent(self.database, facts)
        if missing is None and check.field != "installed" and self._fact(facts).version is None:
            missing = f"extension {name(self.extension)} is not installed"
        return missing

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        if (
            facts.server is None
            or facts.server.kind != "embedded"
            or self.database not in facts.rows_of_databases
        ):
            return None
        missing = self.extension not in facts.once(extensions, self.database)
        return f"the embedded server does not ship {name(self.extension)}" if missing else None

    def _fact(self, facts: Facts) -> ExtensionFact:
        return facts.once(extensions, self.database).get(
            self.extension, ExtensionFact(self.extension, None, None, None)
        )

    def _compare_installed(self, facts: Facts) -> Outcome:
        fact = self._fact(facts)
        stuck = (
            ""
            if fact.version or fact.default
            else "its files are not on the server: install its package there"
        )
        there = fact.version is not None
        return Outcome(there, "installed", "installed" if there else "not installed", stuck=stuck)

    def _compare_version(self, facts: Facts) -> Outcome:
        actual = self._fact(facts).version
        return Outcome(actual == self.spec.version, self.spec.version or "", actual or "none")

    def _compare_schema(self, facts: Facts) -> Outcome:
        actual = self._fact(facts).schema
        return Outcome(
            actual == self.spec.schema_, name(self.spec.schema_ or ""), name(actual) if actual else "none"
        )

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        causes = tuple(drift.check.id for drift in drifts if not drift.stuck)
        texts = list(self._texts({drift.check.field for drift in drifts}, facts))
        if causes:
            yield Change(Stage.EXTENSION, statements(*texts), causes, database=self.database)

    def _texts(self, fields: set[str], facts: Facts) -> Iterator[str]:
        extension = ident(self.extension)
        if self._fact(facts).version is None:
            schema = f" SCHEMA {ident(self.spec.schema_)}" if self.spec.schema_ else ""
            version = f" VERSION {literal(self.spec.version)}" if self.spec.version else ""
            yield f"CREATE EXTENSION {extension}{schema}{version}"
            return
        if "version" in fields:
            yield f"ALTER EXTENSION {extension} UPDATE TO {literal(self.spec.version or '')}"
        if "schema" in fields:
            yield f"ALTER EXTENSION {extension} SET SCHEMA {ident(self.spec.schema_ or '')}"


def resources(spec: Spec) -> Iterator[Resource]:
    for target in spec.databases:
        seen: set[str] = set()
        for source, body in database.inherited(spec, target):
            for extension, extension_spec in body.extensions.items():
                if extension not in seen:
                    seen.add(extension)
                    yield Extension(
                        target, extension, extension_spec, ("databases", source, "extensions", extension)
                    )
