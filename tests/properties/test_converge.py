"""Laws of plan and apply on real servers, for any spec that loads."""

from __future__ import annotations

import re

from hypothesis import assume, example, given
from hypothesis import strategies as st

from pgdeploy.gate.target import Target
from pgdeploy.model.spec import Spec
from pgdeploy.reach.embedded import Cluster
from tests.properties.extra import extras
from tests.properties.law import MAJOR, law, long_law
from tests.properties.making import make_objects
from tests.properties.server import clean, load, make, planned, said, wrong
from tests.properties.strategy import pairs, specs

NOT_OURS = re.compile(r"(role\[others\]|grant\[other databases\]|ownership\[.*\])\.undeclared ")
"""A role that owns things, a database that the spec does not name, and what is a role's without a word stay, and the
plan says so.
"""


def converges(target: Target, server: Cluster) -> None:
    """One apply, and nothing is left to do or to say."""
    make(target, server)
    assert said(planned(target, server)) == []
    assert wrong(target, server) == []


def converges_from_another(target: Target, server: Cluster) -> None:
    """As above, from whatever state; a second apply is for what the first plan said that it could not do yet."""
    first = make(target, server)
    second = planned(target, server)
    later = [finding for waiting in first.then.values() for finding in waiting]
    told = {finding.check.id for finding in (*first.stuck, *first.unreadable, *later)}
    assert [change.causes for change in second.changes if not told.issuperset(change.causes)] == []
    if second.changes:
        make(target, server)
        second = planned(target, server)
    assert ours(said(second)) == []
    assert ours(wrong(target, server)) == []
    assert extras(target.spec, server) == []


def ours(lines: list[str]) -> list[str]:
    return [line for line in lines if not NOT_OURS.match(line)]


def one_apply_is_enough(server: Cluster, spec: Spec) -> None:
    clean(server)
    converges(load(spec), server)


def from_any_spec_to_any_other(server: Cluster, spec: tuple[Spec, Spec]) -> None:
    before, after = spec
    # what a closed template holds is unreadable, and so is what its copies will have of it
    assume(not any(_closed(before, body.from_template) for body in after.databases.values()))
    clean(server)
    make(load(before), server)
    converges_from_another(load(after), server)


def _closed(spec: Spec, database: str | None) -> bool:
    body = spec.databases.get(database) if database is not None else None
    return body is not None and body.allow_connections is False


# -- one version, and what the other versions have otherwise ----------------------------------------------------


def owned_in_the_template() -> Spec:
    """A copy names a schema, whose owner its template says."""
    databases = {
        "a": {"schemas": {"public": {"owner": "app"}}},
        "b": {"from_template": "a", "schemas": {"public": {}}},
    }
    roles: dict[str, dict[str, object]] = {"postgres": {"superuser": True}, "app": {}}
    return Spec.model_validate({"postgres": MAJOR, "roles": roles, "databases": databases})


@law(12)
@given(spec=specs(MAJOR))
@example(spec=owned_in_the_template())
def test_one_apply_is_enough(server: Cluster, spec: Spec) -> None:
    one_apply_is_enough(server, spec)


def said_again(*, of_template: bool, of_copy: bool) -> Spec:
    """A copy says what its template says, but for the grant option."""

    def body(option: bool) -> dict[str, object]:
        words = {"grant": ["USAGE"], "to": ["pg_monitor"], "grant_option": option}
        default = {"for": ["postgres"], "on": "types", **words}
        return {"grants": [{"on": {"language": "plpgsql"}, **words}], "default_privileges": [default]}

    databases = {"a": body(of_template), "b": {"from_template": "a", **body(of_copy)}}
    return Spec.model_validate(
        {"postgres": 15, "roles": {"postgres": {"superuser": True}}, "databases": databases}
    )


@law(8)
@given(spec=specs(15))
@example(spec=said_again(of_template=False, of_copy=True))
@example(spec=said_again(of_template=True, of_copy=False))
def test_one_apply_is_enough_on_15(server15: Cluster, spec: Spec) -> None:
    one_apply_is_enough(server15, spec)


@law(8)
@given(spec=specs(18))
def test_one_apply_is_enough_on_18(server18: Cluster, spec: Spec) -> None:
    one_apply_is_enough(server18, spec)


def owner_left_out(*, of_database: bool) -> tuple[Spec, Spec]:
    """Another spec names the owner no more: what it gives him anew, he had as the owner."""

    def named(owner: str | None) -> Spec:
        schemas = {"s": {} if of_database else {"owner": owner}}
        grants = [{"grant": ["CREATE"], "on": on, "to": ["app"]} for on in ("database", {"schema": "s"})]
        body = {"owner": owner if of_database else None, "schemas": schemas, "grants": grants}
        roles: dict[str, dict[str, object]] = {"postgres": {"superuser": True}, "app": {}}
        return Spec.model_validate({"postgres": MAJOR, "roles": roles, "databases": {"a": body}})

    return named("app"), named(None)


def less_and_without_option() -> tuple[Spec, Spec]:
    """Of default privileges some go, and those that stay lose their grant option."""

    def named(words: list[str], *, option: bool) -> Spec:
        default = {"for": ["postgres"], "grant": words, "on": "tables", "to": ["app"], "grant_option": option}
        roles: dict[str, dict[str, object]] = {"postgres": {"superuser": True}, "app": {}}
        databases = {"a": {"default_privileges": [default]}}
        return Spec.model_validate({"postgres": MAJOR, "roles": roles, "databases": databases})

    return named(["ALL"], option=True), named(["SELECT"], option=False)


def superuser_no_more(*, declared: bool) -> tuple[Spec, Spec]:
    """An owner that no spec has to name is a superuser, until the same plan makes him none."""

    def named(roles: dict[str, object], schema: dict[str, object]) -> Spec:
        databases = {"a": {"schemas": {"s": schema}}}
        known = {"postgres": {"superuser": True}, **roles}
        return Spec.model_validate({"postgres": MAJOR, "roles": known, "databases": databases})

    before = named({"boss": {"superuser": True}}, {"owner": "boss"})
    return before, named({"boss": {}} if declared else {}, {})


def named_in_the_copy_alone() -> tuple[Spec, Spec]:
    """A copy names a schema, on which its template leaves alone what a role has that nobody declares any more."""
    usage = {"grant": ["USAGE"], "on": {"schema": "public"}, "to": ["app"]}

    def named(roles: list[str], databases: dict[str, object]) -> Spec:
        known = {"postgres": {"superuser": True}, **{role: {} for role in roles}}
        return Spec.model_validate({"postgres": MAJOR, "roles": known, "databases": databases})

    before = named(["app"], {"a": {"grants": [usage]}})
    return before, named([], {"a": {}, "b": {"from_template": "a", "schemas": {"public": {}}}})


def more_in_the_template(kind: str, template: dict[str, object]) -> tuple[Spec, Spec]:
    """A copy says what its template does not say any more, so that the template's own plan takes it before."""
    line: dict[str, dict[str, object]] = {
        "grants": {"grant": ["USAGE"], "on": {"schema": "public"}, "to": ["app"]},
        "default_privileges": {"for": ["postgres"], "grant": ["CREATE"], "on": "schemas", "to": ["app"]},
    }

    def named(words: list[str], more: dict[str, object]) -> dict[str, object]:
        return {kind: [{**line[kind], "grant": words}], **more}

    def spec(databases: dict[str, object]) -> Spec:
        roles: dict[str, object] = {"postgres": {"superuser": True}, "app": {}}
        return Spec.model_validate({"postgres": MAJOR, "roles": roles, "databases": databases})

    both = ["CREATE", "USAGE"]
    copy = named(["USAGE"], {"from_template": "a"})
    return spec({"a": named(both, {})}), spec({"a": template, "b": copy})


@law(8)
@given(spec=pairs(MAJOR))
@example(spec=named_in_the_copy_alone())
@example(spec=more_in_the_template("grants", {}))
@example(spec=more_in_the_template("default_privileges", {}))
@example(spec=more_in_the_template("default_privileges", {"allow_connections": False}))
@example(spec=less_and_without_option())
@example(spec=owner_left_out(of_database=True))
@example(spec=owner_left_out(of_database=False))
@example(spec=superuser_no_more(declared=True))
@example(spec=superuser_no_more(declared=False))
def test_from_any_spec_to_any_other(server: Cluster, spec: tuple[Spec, Spec]) -> None:
    from_any_spec_to_any_other(server, spec)


@law(6)
@given(spec=pairs(15))
def test_from_any_spec_to_any_other_on_15(server15: Cluster, spec: tuple[Spec, Spec]) -> None:
    from_any_spec_to_any_other(server15, spec)


@law(6)
@given(spec=specs(MAJOR), data=st.data())
def test_objects_that_somebody_makes_later(server: Cluster, spec: Spec, data: st.DataObject) -> None:
    """`all tables` means those of today: with new ones there is something to do again, once."""
    clean(server)
    target = load(spec)
    make(target, server)
    make_objects(spec, server, data.draw(st.sampled_from(list(spec.roles))))
    make(target, server)
    assert ours(said(planned(target, server))) == []
    assert ours(wrong(target, server)) == []


# -- the same, much more often ---------------------------------------------------------------------------


@long_law(90)
@given(spec=specs(MAJOR))
def test_one_apply_is_enough_often(server: Cluster, spec: Spec) -> None:
    one_apply_is_enough(server, spec)


@long_law(40)
@given(spec=specs(14))
def test_one_apply_is_enough_often_on_14(server14: Cluster, spec: Spec) -> None:
    one_apply_is_enough(server14, spec)


@long_law(40)
@given(spec=specs(17))
def test_one_apply_is_enough_often_on_17(server17: Cluster, spec: Spec) -> None:
    one_apply_is_enough(server17, spec)


@long_law(60)
@given(spec=pairs(MAJOR))
def test_from_any_spec_to_any_other_often(server: Cluster, spec: tuple[Spec, Spec]) -> None:
    from_any_spec_to_any_other(server, spec)
