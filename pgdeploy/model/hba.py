"""Host-based authentication: `hba:`, lines of pg_hba.conf."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.model.hbarule import KEYWORDS, LISTS, USER_KEYWORDS, Auth, Match, element, network
from pgdeploy.postgres import pg_hba
from pgdeploy.postgres.hba_text import INCLUDES
from pgdeploy.secret.place import HBA_OPTIONS
from pgdeploy.secret.reference import SecretRef
from pgdeploy.spec.model import FrozenMap, Model, listed
from pgdeploy.spec.text import checked, shaped
from pgdeploy.text.problem import ValueProblem

SINCE = 16
"""The version of PostgreSQL that knows such lines."""


def _path(text: str) -> str:
    if not text:
        raise ValueProblem("a file or folder needs a name")
    return pg_hba.quoted(text)


ServerPath = Annotated[str, checked(_path)]


class HbaIncludeSpec(Model):
    """One such line: one of the three words, with a path that is relative to the folder of pg_hba.conf."""

    include: ServerPath | None = Field(None, description="a file of rules, which must be there")
    include_if_exists: ServerPath | None = Field(None, description="a file of rules, which may be absent")
    include_dir: ServerPath | None = Field(
        None, description="a folder: its files that end in .conf, in the order of their names"
    )

    @model_validator(mode="after")
    def _one_word(self) -> HbaIncludeSpec:
        if len(self._written) != 1:
            text = "a line that reads other files has exactly one of {words}"
            raise PydanticCustomError("hba", text, {"words": ", ".join(INCLUDES)})
        return self

    @property
    def _written(self) -> Mapping[str, str]:
        found = {word: getattr(self, word) for word in INCLUDES}
        return {word: path for word, path in found.items() if path is not None}

    @property
    def match(self) -> Match:
        """What it is called, among rules."""
        [(word, path)] = self._written.items()
        return Match(word, (), (), path)

    def match_at(self, folder: str) -> Match:
        """The same, of a pg_hba.conf in this folder: one spelling of the path."""
        match = self.match
        return match._replace(address=posixpath.normpath(posixpath.join(folder, match.address or "")))


Method = Literal[
    "trust", "reject", "scram-sha-256", "md5", "password", "gss", "sspi", "ident", "peer", "ldap", "radius", "cert",
    "pam", "bsd", "oauth",
]  # fmt: skip


HbaName = Annotated[str, checked(pg_hba.name)]
_Several = Annotated[tuple[HbaName, ...], Field(min_length=1)]
HbaNames = Annotated[_Several, BeforeValidator(listed, json_schema_input_type=HbaName | _Several)]
OptionName = Annotated[str, *shaped(*pg_hba.OPTION)]
OptionWord = Annotated[str, checked(pg_hba.quoted)] | SecretRef
OptionValue = OptionWord | tuple[OptionWord, ...]
"""The value of an option; where it holds a secret, a reference; a list for the options of several RADIUS servers."""


class HbaRuleSpec(Model):
    """One rule: who may come to which database from where, and how they prove who they are."""

    type: Literal["local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"] = Field(
        description="local: the Unix socket; host: TCP with or without TLS; hostssl: TCP with TLS only"
    )
    database: HbaNames = Field(
        description="names, or all, sameuser, samerole, replication; a name that is such a word in double quotes",
    )
    user: HbaNames = Field(description="names, +group, or all; a name that looks so in double quotes")
    address: Annotated[str, checked(pg_hba.address)] | None = Field(
        None, description="a network such as 10.0.0.0/8, a host name, samehost, samenet or all"
    )
    method: Method = Field(description="how they prove who they are")
    options: FrozenMap[OptionName, OptionValue] = Field(
        default_factory=FrozenMap,
        description="options of the method, such as map; a secret as {env: NAME}, {file: PATH} or {command: [...]}",
    )

    @model_validator(mode="after")
    def _address_fits(self) -> HbaRuleSpec:
        if (self.type == "local") != (self.address is None):
            needs = (
                "has no address" if self.type == "local" else "needs an address, such as 10.0.0.0/8 or all"
            )
            raise PydanticCustomError(
                "hba", "a rule of type {type} {needs}", {"type": self.type, "needs": needs}
            )
        return self

    @field_validator("options")
    @classmethod
    def _secrets_where_they_belong(cls, options: Mapping[str, OptionValue]) -> Mapping[str, OptionValue]:
        for key, value in options.items():
            words = value if isinstance(value, tuple) else (value,)
            if isinstance(value, tuple) and key not in LISTS:
                text = "{key} takes one value; lists are for {lists}"
                raise PydanticCustomError("hba", text, {"key": key, "lists": ", ".join(LISTS)})
            if key not in HBA_OPTIONS and any(isinstance(word, SecretRef) for word in words):
                text = "{key} holds no secret; write its value"
                raise PydanticCustomError("hba", text, {"key": key})
        return options

    @field_validator("database")
    @classmethod
    def _databases_in_one_spelling(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(pg_hba.one_spelling(word, KEYWORDS) for word in words)

    @field_validator("user")
    @classmethod
    def _users_in_one_spelling(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(pg_hba.one_spelling(word, USER_KEYWORDS) for word in words)

    @property
    def match(self) -> Match:
        return Match(self.type, self.database, self.user, network(self.address) if self.address else None)

    def auth(self) -> Auth:
        """How they prove who they are, with its secrets.

        Raises:
            SecretError: a reference gives none.
        """
        return Auth(self.method, tuple(f"{key}={clear_option(value)}" for key, value in self.options.items()))


def clear_option(value: OptionValue) -> str:
    """The value as the server gets it; elements of a list are quoted as they need it.

    Raises:
        SecretError: a reference gives no secret.
    """
    if isinstance(value, tuple):
        return ",".join(element(clear_option(word)) for word in value)
    return value.read().reveal() if isinstance(value, SecretRef) else value


def _kind(data: object) -> str:
    includes = isinstance(data, Mapping) and any(word in data for word in INCLUDES)
    return _INCLUDE if includes or isinstance(data, HbaIncludeSpec) else _RULE


# they stand in pydantic's locations, so they must be no keys
_RULE, _INCLUDE = "a rule", "a line that reads other files"


HbaEntrySpec = Annotated[
    Annotated[HbaRuleSpec, Tag(_RULE)] | Annotated[HbaIncludeSpec, Tag(_INCLUDE)], Discriminator(_kind)
]
