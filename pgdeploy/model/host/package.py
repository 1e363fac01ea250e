"""Packages and where they come from: `host: packages:`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pgdeploy.local.path import LocalPath
from pgdeploy.spec.model import Model
from pgdeploy.spec.text import shaped
from pgdeploy.text.name_pattern import COMPONENT, PACKAGE, SUITE, URI

PackageName = Annotated[str, *shaped(*PACKAGE)]


class MirrorSpec(Model):
    """An apt repository of your own that has PostgreSQL's packages, laid out as apt.postgresql.org is."""

    uri: Annotated[str, *shaped(*URI)] = Field(description="such as https://apt.example.org/pgdg")
    suite: Annotated[str, *shaped(*SUITE)] = Field(description="such as bookworm-pgdg")
    components: tuple[Annotated[str, *shaped(*COMPONENT)], ...] = Field(
        ("main",), min_length=1, description="default: main"
    )
    key: LocalPath = Field(
        min_length=1,
        description="file of the public key that signs it, in ASCII armour; relative to the file that says it",
    )


class PackagesSpec(Model):
    """Where the packages come from."""

    source: Literal["distribution", "pgdg"] | MirrorSpec = Field(
        "distribution",
        description="distribution, pgdg (apt.postgresql.org, with the key of Debian's postgresql-common), or a mirror",
    )
    version: str | None = Field(
        None,
        pattern=r"^[0-9][0-9A-Za-z.+~:-]*\*?$",
        description="exactly this package version, or a beginning and *; left out: the newest minor version",
    )
    hold: bool = Field(
        True, description="apt-mark hold, so that no upgrade restarts the server but pg01.py's own"
    )
    extra: tuple[PackageName, ...] = Field((), description="more packages, such as postgresql-16-pgvector")
