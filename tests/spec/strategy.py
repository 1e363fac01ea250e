"""hypothesis strategies for the example spec, and for texts that are hard on YAML."""

from __future__ import annotations

from hypothesis import strategies as st

from pgdeploy.secret.reference import SecretRef
from pgdeploy.spec.model import FrozenMap
from tests.spec.example import Example, Grant, Role, Sequence, Table, Window

# No surrogates and no NUL: PostgreSQL cannot hold them, and the loader refuses them.
_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_TRICKY = st.text(alphabet="ab1 \n\t\r:#-?&*!|>'\"{}[],@`%~\\<=.é\x85\u2028\ufeff", max_size=12)
TEXTS = st.text(_CHARACTERS, max_size=40) | _TRICKY
NAMES = (st.text(_CHARACTERS, min_size=1, max_size=15) | _TRICKY).filter(
    lambda name: 1 <= len(name.encode()) <= 63
)


def _some(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({}, optional=fields)


def _maps(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.dictionaries(NAMES, values, max_size=3).map(FrozenMap)


_SECRETS = st.builds(SecretRef, env=st.from_regex(r"[A-Z_]{1,10}", fullmatch=True))
_ROLES = _some(
    login=st.booleans(),
    connection_limit=st.integers(-1, 10**20),
    password=_SECRETS,
    valid_until=st.none() | st.dates(),
    member_of=st.lists(NAMES, max_size=3).map(tuple),
    settings=_maps(TEXTS | st.integers() | st.booleans()),
).map(Role.model_validate)
_GRANTS = st.builds(
    Grant,
    privilege=st.sampled_from(["select", "insert", "update"]),
    on=st.builds(Table, table=NAMES) | st.builds(Sequence, sequence=NAMES) | st.just("everything"),
    to=NAMES,
    ratio=st.none() | st.floats(allow_nan=False, allow_infinity=False).filter(lambda ratio: ratio != 1),
)
EXAMPLES = _some(
    roles=_maps(_ROLES),
    grants=st.lists(_GRANTS, max_size=3).map(tuple),
    window=st.builds(Window, low=st.just(0), high=st.integers(0, 10)),
    notes=st.lists(TEXTS, max_size=3).map(tuple),
).map(Example.model_validate)
