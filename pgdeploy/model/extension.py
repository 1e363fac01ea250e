"""Extensions: `extensions:` of a database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from pgdeploy.spec.model import Identifier, Model


class ExtensionSpec(Model):
    """An extension. `{}` means: installed, in whatever version and schema."""

    unmanaged: ClassVar[Mapping[str, str]] = {
        "cascade": "what an extension requires is planned before it without a word; "
        "declare it too, to say its version or schema; see docs/spec.md, Extensions"
    }

    version: str | None = Field(
        None,
        description="exactly this version; newest: the default version of its files on the server, "
        "which ALTER EXTENSION ... UPDATE leads to",
    )
    schema_: Identifier | None = Field(None, alias="schema", description="the schema that holds its objects")
