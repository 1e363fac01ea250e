"""Laws of plans made by logins that are no superuser: what is promised is done, what may not be done is left alone."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import assume, example, given
from hypothesis import strategies as st

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.gate.target import Target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.change import Change
from pgdeploy.layers.server.plan import Plan, plan
from pgdeploy.model.spec import Spec
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.server import Server
from pgdeploy.report.plan import permitted
from tests.properties.law import MAJOR, law
from tests.properties.login import STRANGER, Login, Membership, logins
from tests.properties.making import make_objects
from tests.properties.server import clean, load, make
from tests.properties.strategy import Draw, pairs


@st.composite
def cases(draw: Draw, major: int) -> tuple[Spec, str | None, Login, Spec]:
    """What a server is, who made objects on it, and who makes of it what another spec says."""
    before, after = draw(pairs(major))
    maker = draw(st.sampled_from([None, *before.roles]))
    return before, maker, draw(logins(before)), after


def what_is_promised_is_done(server: Cluster, case: tuple[Spec, str | None, Login, Spec]) -> None:
    before, maker, login, after = case
    # in a connection string such a name is taken for a whole one, with a password in it
    assume("://" not in login.name)
    # with its own password its way in would change on the way
    assume(login.name not in after.roles or after.roles[login.name].password is None)
    assume(all(body.allow_connections is not False for body in before.databases.values()))
    clean(server)
    make(load(before), server)
    if maker is not None:
        make_objects(before, server, maker)
    by = login.make(server, before.postgres)
    target = load(after)
    seen = findings(target, server)
    made = planned(target, by)
    apply(made, by)

    later = {finding.check.id for waiting in made.then.values() for finding in waiting}
    refused = {finding.check.id: finding for finding in made.stuck}
    unsure = {*refused, *later, *(finding.check.id for finding in made.unreadable)}
    promised = {cause for change in made.changes for cause in change.causes} - unsure
    done = findings(target, by)
    # of a password that the spec itself ended no login shows anything
    fine = (Verdict.CONFORMS, Verdict.INAPPLICABLE)
    broken = [one for one in promised if done[one].verdict not in fine]
    assert [(said(done[one]), texts(made, one)) for one in broken] == []
    again = planned(target, by)
    new = [change for change in again.changes if not later.intersection(change.causes)]
    assert [line for change in new for line in why_not_before(change, refused)] == []
    assert untouched(seen, findings(target, server), made) == []


def planned(target: Target, by: DsnServer) -> Plan:
    """All that it may do, whatever is lost by it."""
    return permitted(plan(target.spec, target.resources, target.read(by)), destructive=True, unreadable=True)


def findings(target: Target, by: Server) -> Mapping[str, Finding]:
    facts = target.read(by)
    return {check.id: evaluate(check, facts) for check in target.checks}


def untouched(before: Mapping[str, Finding], after: Mapping[str, Finding], made: Plan) -> list[str]:
    """What the plan said that it may not do, and that is not as it was."""
    causes = {cause for change in made.changes for cause in change.causes}
    left = [
        one.check.id
        for one in made.stuck
        # what several lists of extras name goes with the first of them
        if " may not: " in one.remedy.text and one.check.id not in causes and one.check.aspect != "undeclared"
    ]
    return [
        f"{before[one].actual} -> {said(after[one])}"
        for one in left
        if before[one].verdict is Verdict.DRIFTS and before[one].actual != after[one].actual
    ]


def texts(made: Plan, cause: str) -> list[str]:
    changes = [change for change in made.changes if cause in change.causes]
    return [statement.text for change in changes for statement in change.statements]


def why_not_before(change: Change, refused: Mapping[str, Finding]) -> list[str]:
    """What a second plan would do, and what the first said of it."""
    said = [
        f"{cause}: {refused[cause].remedy.text if cause in refused else 'nothing'}" for cause in change.causes
    ]
    return [*(statement.text for statement in change.statements), *said]


def said(finding: Finding) -> str:
    return f"{finding.check.id} {finding.verdict}: desired {finding.desired}, actual {finding.actual}; {finding.reason}"


Body = dict[str, object]

OWNED: Body = {"a": {"owner": "app", "connection_limit": 5, "settings": {"work_mem": "5MB"}}}
APP: Body = {"app": {"login": True}}
FRESH: Body = {
    "schemas": {"s": {}},
    "grants": [{"grant": ["USAGE"], "on": {"schema": "s"}, "to": ["PUBLIC"]}],
}
IN_FRESH: Body = {
    "for": "app",
    "in_schema": "s",
    "on": "tables",
    "grant": ["SELECT"],
    "to": ["pg_monitor"],
}


def named(roles: Body, databases: Body, **more: object) -> Spec:
    known = {"postgres": {"superuser": True}, **roles}
    return Spec.model_validate({"postgres": MAJOR, "roles": known, "databases": databases, **more})


def case(databases: Body, login: Login, after: Spec) -> tuple[Spec, str | None, Login, Spec]:
    return named({}, databases), None, login, after


OWNER = Login("app", databases=("a",))
MAKER = Login(STRANGER, frozenset({"CREATEROLE", "CREATEDB"}))


KEPT: Body = {"a": {"owner": "app", "grants": [{"grant": ["CREATE"], "on": "database", "to": ["reader"]}]}}
KEPT_SCHEMA: Body = {
    "a": {
        "schemas": {"s": {"owner": "app"}},
        "grants": [{"grant": ["USAGE"], "on": {"schema": "s"}, "to": ["reader"]}],
    }
}
WITHOUT = Login(STRANGER, frozenset({"CREATEROLE"}))


PASSED_ON: Body = {"grant": ["USAGE"], "on": {"schema": "public"}, "to": ["reader"], "grant_option": True}
READER = Login(STRANGER, frozenset({"INHERIT"}), (Membership("reader", False, True, True),), databases=("a",))


GOING: Body = {"undeclared": {"roles": "drift"}}
UNREAD: Body = {
    "a": {
        "owner": "kept",
        "connection_limit": 0,
        "default_privileges": [
            {
                "for": ["postgres", "app"],
                "in_schema": "public",
                "on": "sequences",
                "grant": ["USAGE"],
                "to": ["app"],
            }
        ],
    }
}
SUPERUSER: Body = {"app": {"superuser": True}, "kept": {"member_of": ["app"]}}
GRANTED: Body = {"a": {"grants": [{"grant": ["CREATE"], "on": "database", "to": ["app"]}]}}


OTHERS_TABLES: Body = {
    "a": {
        "schemas": {"s": {"owner": "kept"}},
        "default_privileges": [
            {
                "for": ["app"],
                "on": "tables",
                "grant": ["TRIGGER"],
                "to": ["postgres", "kept"],
                "grant_option": True,
            }
        ],
    }
}


ADMINISTERED: Body = {
    "app": {"member_of": [{"role": "pg_read_all_data", "admin": True}]},
    "kept": {"member_of": [{"role": "pg_read_all_data", "grantor": "app"}]},
}


@law(8)
@given(case=cases(MAJOR))
# who may not grant as the spec says takes no other's grant of the same away
@example(
    case=(
        named(ADMINISTERED, {}),
        None,
        Login(STRANGER, frozenset({"CREATEROLE"}), (Membership("app", True, True, False),)),
        named({"app": {}, "kept": {"member_of": [{"role": "pg_read_all_data", "grantor": "postgres"}]}}, {}),
    )
)
# whose tables they are may not use their schema, and what others may pass on is revoked in his name
@example(
    case=(
        named({"app": {"createrole": True}, "kept": {"member_of": ["app"]}}, OTHERS_TABLES),
        "app",
        Login("kept", databases=("a",)),
        named({"app": {"createrole": True}}, {"a": {"schemas": {"s": {}}}}),
    )
)
# a role goes when what it holds in a database that lets us not in could be read
@example(
    case=(
        named({"app": {"createdb": True}, "kept": {"member_of": ["app"]}}, UNREAD),
        "postgres",
        Login(
            STRANGER,
            frozenset({"CREATEROLE", "INHERIT", "CREATEDB", "BYPASSRLS", "REPLICATION"}),
            (Membership("app", True, True, True),),
            databases=("a",),
        ),
        named({}, {"a": {"connection_limit": -1}}, **GOING),
    )
)
# a role that it may not alter is given a membership as the spec means it
@example(
    case=(
        named({"app": {}}, {}),
        None,
        Login(STRANGER, frozenset(), (Membership("pg_read_all_data", True, True, True),)),
        named({"app": {"inherit": False, "member_of": ["pg_read_all_data"]}}, {}),
    )
)
# and keeps all that it holds where it may not be dropped
@example(
    case=(
        named(SUPERUSER, GRANTED),
        "postgres",
        Login("kept", frozenset({"CREATEROLE", "CREATEDB", "INHERIT"})),
        named({}, {"a": {}}, **GOING),
    )
)
# the name of a database that may not be made is hard to write
@example(case=case({}, Login(STRANGER), named({}, {"\x1f": {"settings": {"work_mem": "5MB"}, **FRESH}})))
# a database keeps its owner, and so what only the owner may do stays
@example(case=case({"a": {}}, MAKER, named({"app": {}}, OWNED)))
# and what is granted on it is granted by that owner, or not at all
@example(case=case({"a": {}}, WITHOUT, named({"app": {}, "reader": {}}, KEPT)))
@example(case=case({"a": {"schemas": {"s": {}}}}, WITHOUT, named({"app": {}, "reader": {}}, KEPT_SCHEMA)))
# as a member of who may pass it on, it would take back its own grant, and not the one of pg_database_owner
@example(
    case=(
        named({"reader": {}}, {"a": {"grants": [PASSED_ON]}}),
        None,
        READER,
        named({"reader": {}}, {"a": {}}),
    )
)
# a role and a database of one name, neither of which may be made
@example(
    case=case(
        {"a": {}},
        WITHOUT,
        named(
            {"app": {"superuser": True, "settings_in": {"a": {"work_mem": "5MB"}}}},
            {"a": {}, "app": {}},
        ),
    )
)
# what its template may not have, a copy gets by itself
@example(
    case=case(
        {"a": {"is_template": True}},
        MAKER,
        named(
            {"app": {}},
            {
                "a": {"is_template": True, "schemas": {"s": {"owner": "postgres"}}},
                "b": {"from_template": "a", "owner": "app", "schemas": {"s": {"owner": "app"}}},
            },
        ),
    )
)
# it is itself one of the roles beyond the spec, and inherits nothing by a plain GRANT
@example(case=case({}, MAKER, named({}, {}, undeclared={"roles": "drift"})))
# a schema that may not be made is named by what comes after it
@example(case=case({"a": {}}, Login("app"), named(APP, {"a": {**FRESH, "default_privileges": [IN_FRESH]}})))
# it would shut itself out of a database, one that is there and one that it makes
@example(case=case({"a": {}}, OWNER, named(APP, {"a": {"connection_limit": 0, "owner": "app"}})))
@example(case=case({}, MAKER, named({}, {"a": {"connection_limit": 0, **FRESH}})))
# what is no template is copied by its owner only
@example(case=case({"a": {}}, MAKER, named({}, {"a": {}, "b": {"from_template": "a"}})))
def test_a_login_does_what_it_promises(server: Cluster, case: tuple[Spec, str | None, Login, Spec]) -> None:
    what_is_promised_is_done(server, case)
