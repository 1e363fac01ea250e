"""What removes one drift of the server: the SQL of its changes, or the file that is to be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdeploy.errors import PgdeployError
from pgdeploy.layers.server.resource import ServerResource

if TYPE_CHECKING:
    from pgdeploy.core.check import Finding
    from pgdeploy.core.facts import Facts


def remedy(finding: Finding, facts: Facts) -> str:
    """The statements, one a line; empty where no change of ours removes it."""
    resource = finding.check.resource
    if not isinstance(resource, ServerResource):
        return ""
    try:
        changes = list(resource.changes([finding], facts))
    except PgdeployError:
        return ""
    texts = [f"{statement.text};" for change in changes for statement in change.statements]
    if any(change.hba is not None for change in changes):
        texts.append("write pg_hba.conf from the spec, then reload")
    if any(change.ident is not None for change in changes):
        texts.append("write pg_ident.conf from the spec, then reload")
    texts += [f"note: {note}" for change in changes for note in change.notes]
    if not texts and changes:
        return f"{changes[0].effect} the server"
    return "\n".join(texts)
