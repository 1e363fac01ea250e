"""What a restored server is asked, and the key that vouches for the answer; the same for each engine."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from pgdeploy.core.check import Verdict
from pgdeploy.errors import TargetError
from pgdeploy.layers.backup.invariant import broken
from pgdeploy.layers.backup.signature import sign
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.check import Finding
    from pgdeploy.gate.gate import Gate
    from pgdeploy.model.backup import InvariantSpec, SigningSpec
    from pgdeploy.reach.server import Server
    from pgdeploy.secret.reference import Secret


def asked(
    gate: Gate, invariants: Mapping[str, Sequence[InvariantSpec]], databases: Collection[str]
) -> tuple[int, list[str]]:
    """How many checks of a gate and invariants of these databases were asked, and what did not hold."""
    findings = list(gate.ask())
    wrong = [f"{one.check.id}: {one.actual or one.reason}" for one in findings if _is_wrong(one)]
    wrong += _broken(invariants, databases, gate.server)
    return len(findings) + sum(len(invariants.get(name, ())) for name in databases), wrong


def _is_wrong(finding: Finding) -> bool:
    return finding.verdict not in (Verdict.CONFORMS, Verdict.INAPPLICABLE, Verdict.WAIVED)


def _broken(
    invariants: Mapping[str, Sequence[InvariantSpec]], databases: Collection[str], server: Server
) -> Iterator[str]:
    for name in databases:
        if name in invariants:
            with closing(server.open(name)) as connection:
                yield from (
                    f"database {quoted_name(name)}: {one}" for one in broken(invariants[name], connection)
                )


def signing_key(signing: SigningSpec | None) -> Secret | None:
    """Before anything is restored: a proof that cannot be signed would not count.

    Raises:
        SecretError, TargetError: records are to be signed, and there is no key for it.
    """
    if signing is None:
        return None
    if signing.key is None:
        raise TargetError(
            "records of this spec count only when they are signed; write where the private key is into "
            "backup: signing: key:"
        )
    key = signing.key.read()
    sign("", key)
    return key
