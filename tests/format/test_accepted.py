"""Whatever a spec is allowed to say can be written: no text is refused later than offline."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.errors import SpecError
from pgdeploy.gate.spec_file import load_spec
from pgdeploy.layers.host.file import files
from tests.format.attacks import spec
from tests.format.texts import law, text

paths = st.one_of(text.map(lambda one: f"/{one}"), text)
rules = st.fixed_dictionaries(
    {"type": st.just("host"), "database": text, "user": text, "address": text, "method": st.just("ldap")},
    optional={"options": st.dictionaries(text, text, max_size=2)},
)
hosts = st.fixed_dictionaries(
    {"keep_logs": st.just("1d")},
    optional={
        "packages": st.fixed_dictionaries(
            {}, optional={"extra": st.lists(text, max_size=2), "version": text.map(lambda one: f"16{one}")}
        ),
        "kernel": st.fixed_dictionaries({"sysctl": st.dictionaries(text.map(lambda one: f"vm.{one}"), text)}),
        "exporter": st.fixed_dictionaries(
            {"login": st.sampled_from(["peer", "password"])},
            optional={"listen": text.map(lambda one: f"[fe80::%{one}]:1"), "folder": paths},
        ),
        "firewall": st.fixed_dictionaries(
            {"ssh": st.lists(text.map(lambda one: f"fe80::%{one}"), max_size=2)}
        ),
        "cluster": st.fixed_dictionaries({}, optional={"locale": text, "name": text}),
    },
)
FOLDERS = ["log_directory", "unix_socket_directories", "data_directory"]
settings = st.dictionaries(st.sampled_from([*FOLDERS, "log_line_prefix", "plpgsql.x"]), paths)
said = st.tuples(settings, hosts, rules)


@law
@given(specs=st.lists(said, min_size=1, max_size=6))
def test_what_loads_is_written(specs: list[tuple[dict[str, Any], ...]], tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    for values, host, rule in specs:
        data = {"settings": values, "host": host, "hba": [rule]}
        file.write_text(spec(*(f"{key}: {dumps(value)}" for key, value in data.items())), encoding="utf-8")
        try:
            loaded = load_spec(file).value
        except SpecError as error:
            wrong = [each for each in error.problems if not each.startswith(str(file)) or "\n" in each]
        else:
            wrong = [each.path for each in files(loaded, "bookworm") if not each.text.endswith("\n")]
        assert not wrong
