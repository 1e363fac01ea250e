"""Probes: behaviour, not catalogue. The second ruler, so a wrong catalogue query cannot agree with itself.

A probe acts on the server as the role of which the spec speaks: it logs in, or it tries a privilege in a
transaction that is always rolled back. It never takes a heavy lock, never runs code that somebody put on
an object, and leaves nothing behind. What cannot be tried so is asked of the server's own has_..._privilege.

    session.py     a connection for probes: short timeouts, no search path
    script.py      transactions that are rolled back, many in one round trip
    thing.py       objects as the server has them: what is asked about and acted on
    act.py         the statement that shows whether a privilege works, without doing it
    ask.py         has_..._privilege for any number of roles and objects at once
    question.py    ask and act on all questions of a database together
    allowance.py   what the spec lets a role do, by whatever way
    trial.py       an object that a creator makes and a grantee uses
    attempt.py     one attempt to log in, and what its refusal means
    door.py        a wrong password and the right one, once for each role
    admission.py   which rule of pg_hba.conf decides on a login
    login.py grant.py default_privilege.py backup.py outside.py       the probes themselves, by what they prove
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgdeploy.check import Resource
    from pgdeploy.resources.spec import Spec


def probes(spec: Spec) -> tuple[Resource, ...]:
    """Every probe that the spec gives rise to."""
    from pgdeploy.probes import backup, default_privilege, grant, login, outside

    return tuple(
        probe for kind in (login, backup, default_privilege, grant, outside) for probe in kind.probes(spec)
    )
