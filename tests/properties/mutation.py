"""Ways to spoil a good spec: each makes it one that no server could be brought to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from pgdeploy.model.spec import Spec

Data = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]
Mutation = Callable[[Spec, Draw], Data]

NOBODY = "nobody at all"
_NEW = "db of the mutation"


def as_yaml(data: Data) -> str:
    """JSON is YAML."""
    return json.dumps(data, indent=1)


def _plain(spec: Spec) -> Data:
    return spec.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _with_role(**body: Any) -> Mutation:
    def mutate(spec: Spec, draw: Draw) -> Data:
        data = _plain(spec)
        role = draw(st.sampled_from(["postgres", "one more"]))
        data["roles"][role] = {**data["roles"].get(role, {}), **body}
        return data

    return mutate


def _with_database(**body: Any) -> Mutation:
    def mutate(spec: Spec, draw: Draw) -> Data:
        data = _plain(spec)
        databases = data.setdefault("databases", {})
        template = draw(st.sampled_from([None, *(name for name in databases)]))
        from_template = {} if template is None or "allow_connections" in body else {"from_template": template}
        databases[_NEW] = {**from_template, **body}
        return data

    return mutate


def _with(**fields: Any) -> Mutation:
    return lambda spec, draw: {**_plain(spec), **fields}


def _member_of_nobody(spec: Spec, draw: Draw) -> Data:
    """Where undeclared roles are ignored, such a one is kept by somebody else: no mistake offline."""
    data = _with_role(member_of=[NOBODY])(spec, draw)
    return {**data, "undeclared": {**data.get("undeclared", {}), "roles": draw(_SEEN)}}


_SEEN = st.sampled_from(["report", "drift"])


def _circle_of_members(spec: Spec, draw: Draw) -> Data:
    data = _plain(spec)
    data["roles"] |= {"circle a": {"member_of": ["circle b"]}, "circle b": {"member_of": [draw(_MEMBERSHIP)]}}
    return data


_MEMBERSHIP = st.sampled_from(["circle a", {"role": "circle a", "admin": True}])


def _circle_of_templates(spec: Spec, draw: Draw) -> Data:
    data = _plain(spec)
    length = draw(st.integers(1, 3))
    circle = {f"circle {i}": {"from_template": f"circle {(i + 1) % length}"} for i in range(length)}
    return {**data, "databases": {**data.get("databases", {}), **circle}}


def _circle_of_grantors(spec: Spec, draw: Draw) -> Data:
    """Each got ADMIN OPTION from the other."""
    data = _plain(spec)
    for one, other in (("round a", "round b"), ("round b", "round a")):
        data["roles"][one] = {"member_of": [{"role": "round", "admin": True, "grantor": other}]}
    return {**data, "postgres": 16, "roles": {**data["roles"], "round": {}}}


def _public(verb: str, words: list[str], on: Any) -> Data:
    return {verb: words, "on": on, {"grant": "to", "revoke": "from"}[verb]: ["PUBLIC"]}


_SCHEMA = {"schema": "public"}
_GRANT = {"grant": ["USAGE"], "on": _SCHEMA, "to": ["postgres"]}
_DEFAULT = {"for": ["postgres"], "grant": ["SELECT"], "on": "tables", "to": ["postgres"]}

MUTATIONS: list[Mutation] = [
    # names that nothing declares
    _member_of_nobody,
    _with_role(member_of=[{"role": "pg_monitor", "grantor": NOBODY}]),
    _with_role(settings_in={NOBODY: {"work_mem": "4MB"}}),
    _with_database(owner=NOBODY),
    _with_database(from_template=NOBODY),
    _with_database(schemas={"s": {"owner": NOBODY}}),
    _with_database(grants=[{**_GRANT, "to": [NOBODY]}]),
    _with_database(grants=[{**_GRANT, "to": ["public"]}]),
    _with_database(grants=[{**_GRANT, "on": {"schema": NOBODY}}]),
    _with_database(grants=[{**_GRANT, "on": {"schema": NOBODY, "all": "types"}}]),
    _with_database(ownership=[{"on": {"schema": "public", "all": "tables"}, "owner": NOBODY}]),
    _with_database(default_privileges=[{**_DEFAULT, "for": [NOBODY]}]),
    _with_database(default_privileges=[{**_DEFAULT, "for": ["PUBLIC"]}]),
    _with_database(default_privileges=[{**_DEFAULT, "to": [NOBODY]}]),
    _with_database(default_privileges=[{**_DEFAULT, "in_schema": NOBODY}]),
    _with_database(row_security=[{"on": {"schema": NOBODY, "table": "t"}}]),
    _with_database(publications={"p": {"owner": NOBODY}}),
    _with_database(event_triggers={"e": {"owner": NOBODY}}),
    _with(tablespaces={"t": {"owner": NOBODY}}),
    # names that PostgreSQL keeps, or cannot hold
    _with(roles={"pg_mine": {}}),
    _with(roles={"PUBLIC": {}}),
    _with(roles={"none": {}}),
    _with(roles={"ü" * 32: {}}),
    _with(roles={"nul\0": {}}),
    _with(roles={"": {}}),
    _with_database(schemas={"pg_mine": {}}),
    # circles
    _circle_of_members,
    _circle_of_templates,
    _circle_of_grantors,
    # lines that contradict each other or themselves
    _with_role(state="absent", login=True),
    _with_role(reassign_owned_to="postgres"),
    _with_role(member_of=["pg_monitor", {"role": "pg_monitor", "admin": True}]),
    _with_database(
        grants=[_public("grant", ["CONNECT"], "database"), _public("revoke", ["ALL"], "database")]
    ),
    _with_database(grants=[_public("grant", ["ALL"], _SCHEMA), _public("revoke", ["usage"], _SCHEMA)]),
    _with_database(grants=[_GRANT, _GRANT]),
    _with_database(grants=[{**_GRANT, "from": ["postgres"]}]),
    _with_database(grants=[{"grant": ["USAGE"], "on": _SCHEMA, "to": ["PUBLIC"], "grant_option": True}]),
    _with_database(default_privileges=[_DEFAULT, {**_DEFAULT}]),
    _with_database(allow_connections=False, schemas={"s": {}}),
    _with_database(allow_connections=False, row_security=[{"on": {**_SCHEMA, "table": "t"}}]),
    _with_database(
        row_security=[{"on": {**_SCHEMA, "table": "t"}, "forced": sure} for sure in (True, False)]
    ),
    _with_database(encoding="UTF8", from_template="template0", locale="de"),
    # what PostgreSQL does not know
    _with(postgres=13),
    _with(postgres="sixteen"),
    _with(settings={"work_mem": "4MB", "Work_Mem": "8MB"}),
    _with(settings={"work_mum": "4MB"}),
    _with(settings={"work_mem": "4 pounds"}),
    _with(settings={"work_mem": -1}),
    _with(settings={"server_version": "16"}),
    _with(settings={"auto_explain.log_walls": "on"}),
    _with_role(settings={"shared_buffers": "1GB"}),
    _with_role(valid_until="the day after"),
    _with_role(connection_limit=-2),
    _with_role(password="text"),
    _with_role(loggin=True),
    _with_database(grants=[{**_GRANT, "grant": ["SELECT"]}]),
    _with_database(grants=[{**_GRANT, "grant": []}]),
    _with_database(grants=[{**_GRANT, "on": {"schema": "public", "table": "a", "sequence": "b"}}]),
    _with_database(default_privileges=[{**_DEFAULT, "grant": ["USAGE"]}]),
    _with_database(
        default_privileges=[{**_DEFAULT, "on": "schemas", "grant": ["USAGE"], "in_schema": "public"}]
    ),
    _with_database(connection_limit=2**31),
    _with_database(row_security=[{"on": _SCHEMA}]),
    _with(tablespaces={"t": {"location": "srv/fast"}}),
    _with(tablespaces={"pg_default": {"state": "absent"}}),
    _with(comments={"postgres": "the one"}),
    _with_database(foreign_servers={"f": {"owner": "postgres"}}),
    _with_database(
        foreign_servers={"f": {"state": "absent"}}, grants=[{**_GRANT, "on": {"foreign_server": "f"}}]
    ),
    _with_database(event_triggers={"e": {"enabled": "often"}}),
    _with_database(event_triggers={"e": {"owner": "pg_monitor"}}),
    _with_database(publications={"p": {"state": "absent", "all_tables": True}}),
    _with_database(row_security=[{"on": {**_SCHEMA, "table": "t"}, "forced": "maybe"}]),
]
