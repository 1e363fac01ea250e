"""The cases of the red/green proof: one file a kind of resource, as the kinds stand in pgdeploy.layers.server.kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.drift_cases.bench import Case
from tests.drift_cases.cases import (
    database,
    default_privilege,
    event_trigger,
    extension,
    foreign_server,
    grant,
    hba,
    ident,
    membership,
    ownership,
    publication,
    role,
    row_security,
    safeguard,
    schema,
    setting,
    superuser,
    tablespace,
    undeclared_owner,
)

CASES: Mapping[str, Sequence[Case]] = {
    "setting": setting.CASES,
    "safeguard": safeguard.CASES,
    "role": role.CASES,
    "superuser": superuser.CASES,
    "membership": membership.CASES,
    "tablespace": tablespace.CASES,
    "database": database.CASES,
    "schema": schema.CASES,
    "extension": extension.CASES,
    "ownership": ownership.CASES,
    "undeclared_owner": undeclared_owner.CASES,
    "default_privilege": default_privilege.CASES,
    "grant": grant.CASES,
    "row_security": row_security.CASES,
    "publication": publication.CASES,
    "event_trigger": event_trigger.CASES,
    "foreign_server": foreign_server.CASES,
    "ident": ident.CASES,
    "hba": hba.CASES,
}
