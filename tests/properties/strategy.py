"""hypothesis strategies for whole specs: hostile names, anything that a server can be asked to be.

What is drawn here loads, always. Names come from a `Pool`, so that two specs can speak of the same things.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from pgdeploy.gate.spec_file import spec_model
from pgdeploy.model.spec import Spec

PASSWORDS = {"LAW_PASSWORD": "plain enough", "LAW_HARD_PASSWORD": "'; DROP \\ \"ü\u00a0ﬀ %s{}"}
"""Environment variables that the drawn specs refer to."""

HARD = (
    'a"b', "x; DROP TABLE y", "Ünï cødé", "ü" * 31 + "b", "x" * 63, " ", " blanks ", "it's", "back\\slash", "\\",
    "%s", "%", "%(x)s", "{}", "{0}", "$1", "$$", "--", "/*", "a.b", "a,b", "[]", "a=b", "new\nline", "tab\t",
    "\x01", "\u200b", "e\u0301", "🐘", "Ω≈ç", "select", "user", "table", "current_user", "session_user", "all",
    "sameuser", "replication", "+group", "Public", "NONE", "Postgres", "template", "pg", "0", "-1", "1e3", "null",
    "true", "yes", "off", "~", "*", "#", "@x", ":x", "?", "&a", "!b", "|", ">", "postgresql://x", "host=nowhere",
    "user=x dbname=y", "(x)", "a -> b", "server", "others", "x]", "y: z", "z to x", "'", '"', '""', "E'x'",
)  # fmt: skip
_ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
_NAMES = st.sampled_from(HARD) | _ANY.filter(lambda name: len(name.encode()) <= 63)

Draw = Callable[[st.SearchStrategy[Any]], Any]


def _names(
    forbidden: Sequence[str], *, pg: bool, least: int, most: int
) -> st.SearchStrategy[tuple[str, ...]]:
    allowed = _NAMES.filter(lambda name: name not in forbidden and (pg or not name.startswith("pg_")))
    return st.lists(allowed, unique=True, min_size=least, max_size=most).map(tuple)


@dataclass(frozen=True, slots=True)
class Pool:
    """What specs may speak of. A role can be member only of those before it, a database copy only those before it."""

    roles: tuple[str, ...]
    databases: tuple[str, ...]
    schemas: tuple[str, ...]


POOLS = st.builds(
    Pool,
    roles=_names(("public", "none", "PUBLIC", "postgres"), pg=False, least=0, most=5),
    databases=_names(("postgres", "template0", "template1"), pg=True, least=1, most=3),
    schemas=_names(("public", "information_schema"), pg=False, least=0, most=2),
)

# Each value in several spellings, of settings that a session can have and of settings of the whole server.
_SESSION: dict[str, list[list[Any]]] = {
    "work_mem": [["64MB", "65536kB", 65536, "0.0625GB"], ["4MB", 4096, " 4 MB"]],
    "statement_timeout": [["30min", "1800s", 1800000, "0.5h"], [0, "0"]],
    "random_page_cost": [[1.1, "1.1", "1.10", "11e-1"], [4, "4.0"]],
    "enable_seqscan": [[True, "on", "yes", "1"], [False, "off", "no", "f"]],
    "search_path": [[["$user", "public"], '"$user", public'], [['a"b', "x; DROP", "Ünï"]], [[]]],
    "DateStyle": [["SQL, DMY", "sql,dmy"], ["ISO, MDY", "iso, mdy"]],
    "TimeZone": [["UTC"], ["Europe/Athens"]],
    "application_name": [['it\'s {} %s \\ "x"'], [""]],
    "default_transaction_read_only": [[True, "on"], [False, 0, "off"]],
    "default_transaction_isolation": [["serializable", "Serializable"], ["read committed"]],
    "standard_conforming_strings": [[False, "off"], [True, "on"]],
    "quote_all_identifiers": [[True], [False]],
    "client_encoding": [["LATIN1", "iso_8859_1"], ["UTF8"]],
    "bytea_output": [["escape", "ESCAPE"], ["hex"]],
    "extra_float_digits": [[-15, "-15"], [1]],
    "log_min_duration_statement": [["250ms", 250, "0.25s"], [-1]],
    "row_security": [[False, "off"], [True]],
}
_SERVER: dict[str, list[list[Any]]] = {
    **{
        name: values
        for name, values in _SESSION.items()
        if name not in ("application_name", "client_encoding")
    },
    "autovacuum_naptime": [["1min", "60s", 60, "60000ms"], ["90s", 90, "1.5min"]],
    "checkpoint_completion_target": [[0.9, "0.9", ".90"], [0.5, "5e-1"]],
    "max_wal_size": [["1GB", "1024MB", 1024], ["2GB", 2048]],
    "log_line_prefix": [["%m [%p] "], ['it\'s {} \\ "%q"'], [""]],
    "log_statement": [["ddl", "DDL"], ["none"]],
    "maintenance_work_mem": [["64MB", 65536], ["128MB"]],
    "vacuum_cost_delay": [["2ms", 2, "2000us"], [0]],
}

_KINDS = ("tables", "sequences", "functions", "procedures", "types")
_PRIVILEGES = {
    "tables": ["SELECT", "INSERT", "update", "Delete", "TRUNCATE", "REFERENCES", "TRIGGER"],
    "sequences": ["USAGE", "SELECT", "UPDATE"],
    "functions": ["EXECUTE"],
    "procedures": ["EXECUTE"],
    "types": ["USAGE"],
    "schemas": ["USAGE", "CREATE"],
    "schema": ["USAGE", "CREATE"],
    "database": ["CREATE", "CONNECT", "TEMP", "temporary"],
    "language": ["USAGE"],
    "large_objects": ["SELECT", "UPDATE"],
}
_MADE_BY_OTHERS = ("publications", "event_triggers", "foreign_servers")
_MOMENTS = [
    "infinity",
    "2031-02-03",
    "2031-02-03 04:05:06+05:30",
    "2031-02-03 04:05:06 UTC",
    "1999-12-31 23:59:59.5+00",
    "-infinity",
    "99999-12-31 23:59:59.999999+14",
    "0044-03-15 BC",
]


@dataclass(slots=True)
class _Maker:
    """Draws the parts of one spec."""

    draw: Draw
    major: int
    pool: Pool
    opening: bool = False
    """Say of each database whether it lets anybody in: another spec may have closed it, and nobody can look inside."""
    roles: list[str] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)
    admins: dict[str, list[str]] = field(default_factory=dict)
    """Who has ADMIN OPTION in a role, and so may be the grantor of its later members."""
    losing: list[str] = field(default_factory=list)
    """Who only loses privileges; all others only get some, so that no line contradicts another."""

    @property
    def everybody(self) -> list[str]:
        return ["postgres", *self.roles]

    @property
    def getting(self) -> list[str]:
        return [role for role in [*self.everybody, "PUBLIC", "pg_monitor"] if role not in self.losing]

    def maybe(self, chance: int = 3) -> bool:
        """True once in `chance` times, or so."""
        return self.draw(st.integers(1, chance)) == chance  # type: ignore[no-any-return]

    def one(self, items: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(list(items)))

    def some(self, items: Sequence[Any], least: int = 0, most: int = 3) -> list[Any]:
        """A few of these, in their order; `least` only where there are that many."""
        known = list(items)
        if not known:
            return []
        chosen = self.draw(
            st.lists(st.sampled_from(known), min_size=min(least, len(known)), max_size=most, unique_by=repr)
        )
        return [item for item in known if item in chosen]

    def spec(self) -> Spec:
        self.roles = self.some(self.pool.roles, most=len(self.pool.roles))
        self.databases = self.some(self.pool.databases, least=1, most=len(self.pool.databases))
        self.losing = self.some([*self.everybody, "PUBLIC"], most=2)
        data: dict[str, Any] = {
            "postgres": self.major,
            "undeclared": {
                "roles": self.one(["report", "drift", "ignore"]),
                "databases": self.one(["report", "ignore"]),
            },
            "roles": {"postgres": {"superuser": True, "login": True, **self.stored("settings")}},
        }
        if self.maybe(2):
            data["settings"] = self.settings(_SERVER, most=5)
        for index, role in enumerate(self.roles):
            data["roles"][role] = self.role(index)
        made: dict[str, Any] = {}
        for database in self.databases:
            made[database] = self.database(made)
        if made:
            data["databases"] = made
        return spec_model().model_validate(data)

    # -- settings ----------------------------------------------------------------------------------

    def settings(self, known: dict[str, list[list[Any]]], most: int = 3) -> dict[str, Any]:
        return {name: self.one(self.one(known[name])) for name in self.some(list(known), most=most)}

    def stored(self, field: str) -> dict[str, Any]:
        return {field: self.settings(_SESSION)} if self.maybe() else {}

    # -- roles -------------------------------------------------------------------------------------

    def role(self, index: int) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for attribute in (
            "login",
            "inherit",
            "superuser",
            "createrole",
            "createdb",
            "replication",
            "bypassrls",
        ):
            if self.maybe(4):
                body[attribute] = self.maybe(2)
        if self.maybe():
            body["connection_limit"] = self.one([-1, 0, 1, 2**31 - 1])
        if self.maybe():
            body["valid_until"] = self.one(_MOMENTS)
        if self.maybe():
            body["password"] = {"env": self.one(list(PASSWORDS))}
        body |= self.stored("settings")
        if self.databases and self.maybe(4):
            body["settings_in"] = {
                name: self.settings(_SESSION) for name in self.some(self.databases, least=1)
            }
        groups = self.some([*self.roles[:index], "pg_monitor", "pg_read_all_data"])
        if groups:
            body["member_of"] = [self.membership(self.roles[index], group) for group in groups]
        return body

    def membership(self, member: str, group: str) -> str | dict[str, Any]:
        if self.maybe(2):
            return group
        entry: dict[str, Any] = {"role": group}
        if self.maybe(2):
            entry["admin"] = self.maybe(2)
        if self.major >= 16:
            for option in ("inherit", "set"):
                if self.maybe():
                    entry[option] = self.maybe(2)
            if self.maybe(2):
                entry["grantor"] = self.one(["postgres", *self.admins.get(group, [])])
        if entry.get("admin"):
            self.admins.setdefault(group, []).append(member)
        return entry

    # -- databases ---------------------------------------------------------------------------------

    def database(self, before: dict[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        if self.maybe(2):
            body["owner"] = self.one(self.everybody)
        if before and self.maybe(2):
            body["from_template"] = self.one(list(before))
        elif self.maybe(4):
            body |= self.one([{"from_template": "template0"}, {"encoding": "utf-8"}, {"lc_collate": "C"}])
        if self.maybe():
            body["is_template"] = self.maybe(2)
        if self.maybe():
            body["connection_limit"] = self.one([-1, 0, 5])
        body |= self.stored("settings")
        schemas = self._schemas_of(before, body)
        if self.maybe(6) and not self._contents(before, body):
            body["allow_connections"] = False
            return body
        if self.opening:
            body["allow_connections"] = True
        body |= self.schemas()
        schemas += [schema for schema in body.get("schemas", {}) if schema not in schemas]
        return {**body, **self.grants(schemas), **self.default_privileges(schemas), **self.absent()}

    def _line_of(self, before: dict[str, Any], body: dict[str, Any]) -> list[dict[str, Any]]:
        """The database and the declared templates behind it."""
        found = [body]
        while (template := found[-1].get("from_template")) in before:
            found.append(before[template])
        return found

    def _schemas_of(self, before: dict[str, Any], body: dict[str, Any]) -> list[str]:
        return [
            "public",
            *dict.fromkeys(
                s for one in self._line_of(before, body) for s in one.get("schemas", {}) if s != "public"
            ),
        ]

    def _contents(self, before: dict[str, Any], body: dict[str, Any]) -> bool:
        fields = ("schemas", "grants", "default_privileges", *_MADE_BY_OTHERS)
        return any(one.get(field) for one in self._line_of(before, body) for field in fields)

    def schemas(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for schema in self.some([*self.pool.schemas, "public"]):
            found[schema] = {"owner": self.one(self.everybody)} if self.maybe(2) else {}
        return {"schemas": found} if found else {}

    def absent(self) -> dict[str, Any]:
        """A spec makes none of these; what it can have is that one must not be there."""
        return {section: {self.one(HARD): {"state": "absent"}} for section in self.some(_MADE_BY_OTHERS)}

    # -- privileges --------------------------------------------------------------------------------

    def grants(self, schemas: list[str]) -> dict[str, Any]:
        lines = [self.grant(schemas) for _ in range(self.one([1, 2, 3, 0]))]
        return {"grants": self._once(lines)} if lines else {}

    def _once(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """A line that differs from another in its grant option only is one that stands twice."""
        found = {repr(sorted((k, v) for k, v in line.items() if k != "grant_option")): line for line in lines}
        return list(found.values())

    def grant(self, schemas: list[str]) -> dict[str, Any]:
        schema = self.one(schemas)
        on: Any = self.one(
            ["database", {"schema": schema}, {"language": self.one(["plpgsql", "sql"])}]
            + [{"schema": schema, "all": self.one(_KINDS)}] * 2
        )
        kind = (
            "database"
            if on == "database"
            else on.get("all") or next(key for key in ("language", "schema") if key in on)
        )
        return {**self.words(kind), "on": on}

    def words(self, kind: str) -> dict[str, Any]:
        """`grant:` and `to:`, or `revoke:` and `from:`."""
        words = ["ALL"] if self.maybe(4) else self.some(_PRIVILEGES[kind], least=1)
        if self.losing and self.maybe():
            return {"revoke": words, "from": self.some(self.losing, least=1)}
        to = self.some(self.getting, least=1)
        option = {"grant_option": True} if "PUBLIC" not in to and self.maybe(4) else {}
        return {"grant": words, "to": to, **option}

    def default_privileges(self, schemas: list[str]) -> dict[str, Any]:
        lines = [self.default_privilege(schemas) for _ in range(self.one([1, 2, 3, 0]))]
        return {"default_privileges": self._once(lines)} if lines else {}

    def default_privilege(self, schemas: list[str]) -> dict[str, Any]:
        kinds = [
            "tables",
            "sequences",
            "functions",
            "types",
            "schemas",
            *(["large_objects"] if self.major >= 18 else []),
        ]
        kind = self.one(kinds)
        line = {"for": self.some(self.everybody, least=1, most=2), "on": kind, **self.words(kind)}
        if "grant" in line and kind not in ("schemas", "large_objects") and self.maybe(2):
            line["in_schema"] = self.one(schemas)
        return line


@st.composite
def specs(draw: Draw, major: int, pools: st.SearchStrategy[Pool] = POOLS) -> Spec:
    """A spec that loads."""
    return _Maker(draw, major, draw(pools)).spec()


@st.composite
def pairs(draw: Draw, major: int) -> tuple[Spec, Spec]:
    """Two specs that speak of some of the same things, in another order of roles for the second."""
    pool = draw(POOLS)
    other = Pool(tuple(draw(st.permutations(pool.roles))), pool.databases, pool.schemas)
    return _Maker(draw, major, pool).spec(), _Maker(draw, major, other, opening=True).spec()
