"""`vars:`, `{{ name }}` and `append:`: what environments share is said once, and mistakes have a place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from pgdeploy.spec.extends import read_tree
from pgdeploy.spec.node import data, value_place
from tests.spec.strategy import TEXTS


def tree(folder: Path, **files: str) -> tuple[object, list[str]]:
    """The data of top.yaml, and the faults."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    found = read_tree(folder / "top.yaml", folder)
    return data(found.root), [str(fault).replace(f"{folder}/", "") for fault in found.faults]


def test_values_and_keys_of_the_base_take_the_variables_of_the_file(tmp_path: Path) -> None:
    base = (
        "db_{{ env }}: {owner: '{{ app }}', limit: '{{ limit }}', list: ['{{ app }}', x], on: '{{  on  }}'}\n"
    )
    top = "extends: base\nvars: {env: dev, app: hokm_dev, limit: 5, on: true}\n"
    assert tree(tmp_path, base=base, top=top) == (
        {"db_dev": {"owner": "hokm_dev", "limit": 5, "list": ["hokm_dev", "x"], "on": True}},
        [],
    )


def test_the_file_counts_more_than_its_bases(tmp_path: Path) -> None:
    files = {"base": "vars: {a: 1, b: 1}\nx: '{{ a }}-{{ b }}'\n", "top": "extends: base\nvars: {b: 2}\n"}
    assert tree(tmp_path, **files) == ({"x": "1-2"}, [])


def test_names_are_filled_in_before_the_files_are_merged(tmp_path: Path) -> None:
    base = "vars: {env: dev}\nroles: {'app_{{ env }}': {login: true}}\n"
    top = "extends: base\nroles: {app_dev: {createdb: true}}\n"
    assert tree(tmp_path, base=base, top=top)[0] == {"roles": {"app_dev": {"login": True, "createdb": True}}}


def test_a_list_is_a_value(tmp_path: Path) -> None:
    assert tree(tmp_path, top="vars: {nets: [10.0.0.0/8, ::1]}\nx: '{{ nets }}'\n")[0] == {
        "x": ["10.0.0.0/8", "::1"]
    }


def test_each_part_keeps_its_place(tmp_path: Path) -> None:
    (tmp_path / "top.yaml").write_text("vars: {a: 1}\nx:\n  y: '{{ a }}'\n")
    place = value_place(read_tree(tmp_path / "top.yaml", tmp_path).root, ("x", "y"))
    assert (place.line, place.column) == (3, 6)


@pytest.mark.parametrize(
    "text",
    [
        "{{",
        "{{ }}",
        "{{ a b }}",
        "{{a.b}}",
        "{{ 1 }}",
        "{% if a %}",
        "{{a",
        "}} {{",
        "{{-a}}",
        "{{ a | upper }}",
    ],
)
def test_what_names_no_variable_is_text(tmp_path: Path, text: str) -> None:
    assert tree(tmp_path, top=f"vars: {{a: 1}}\nx: '{text}'\n") == ({"x": text}, [])


@given(TEXTS)
def test_a_value_is_never_read_again(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever stands in a variable is one text, and no YAML."""
    folder = tmp_path_factory.mktemp("vars")
    escaped = text.replace("'", "''")
    if "\n" in text or not text.isprintable() or "{{" in text:
        return
    assert tree(folder, top=f"vars: {{a: '{escaped}'}}\nx: '{{{{ a }}}}'\n'k{{{{ a }}}}': 1\n") == (
        {"x": text, f"k{text}": 1},
        [],
    )


@pytest.mark.parametrize(
    ("top", "said"),
    [
        ("x: '{{ app }}'", "top.yaml:1:4: variable app does not exist; define it in `vars:`"),
        (
            "vars: {owner: 1}\nx: '{{ ovner }}'",
            "top.yaml:2:4: variable ovner does not exist; did you mean owner?",
        ),
        ("vars: {a: 1}\n'{{ b }}': 1", "top.yaml:2:1: variable b does not exist; allowed: a"),
        ("vars: [a]", "top.yaml:1:7: vars: must be names with their values, such as {env: dev}"),
        ("vars: {1a: 1}", "top.yaml:1:8: vars.1a: allowed: a name of letters, digits and _"),
        (
            "vars: {a: {b: 1}}",
            "top.yaml:1:8: vars.a: allowed: a text, a number, a boolean, or a list of them",
        ),
        ("vars: {a: null}", "top.yaml:1:8: vars.a: allowed: a text, a number, a boolean, or a list of them"),
        (
            "vars: {a: '{{ b }}', b: 1}",
            "top.yaml:1:8: vars.a: the value of a variable cannot use other variables",
        ),
        (
            "vars: {a: [1]}\nx: 'y{{ a }}'",
            "top.yaml:2:4: {{ a }} is a list and cannot be part of a text; use it as the whole value",
        ),
        (
            "vars: {a: x}\n'{{ a }}': 1\nx: 2",
            "top.yaml:3:1: duplicate key x after its variables are filled in; remove one",
        ),
    ],
)
def test_a_mistake_is_one_fault_at_its_place(tmp_path: Path, top: str, said: str) -> None:
    _, faults = tree(tmp_path, top=top)
    assert len(faults) == 1
    assert faults[0].startswith(said)


def test_without_a_use_nothing_is_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(file: Path) -> str:
        read.append(file.name)
        return file.read_text()

    monkeypatch.setattr("pgdeploy.spec.extends.read_text", counted)
    tree(tmp_path, base="a: '{'\n", top="extends: base\nb: 1\n")
    assert read == ["top.yaml", "base.yaml"]


def test_with_variables_each_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(file: Path) -> str:
        read.append(file.name)
        return file.read_text()

    monkeypatch.setattr("pgdeploy.spec.extends.read_text", counted)
    found, _ = tree(tmp_path, base="a: '{{ b }}'\n", top="extends: base\nvars: {b: 1}\n")
    assert (found, read) == ({"a": 1}, ["top.yaml", "base.yaml"])


# -- append --------------------------------------------------------------------------------------------


def test_lines_come_behind_those_of_the_base(tmp_path: Path) -> None:
    base = "hba: [1, 2]\ndatabases: {shop: {grants: [a], owner: x}}\n"
    top = "extends: base\nappend: {hba: [3], databases: {shop: {grants: [b], new: [c]}}}\n"
    top += "databases: {shop: {owner: y}}\n"
    assert tree(tmp_path, base=base, top=top) == (
        {"hba": [1, 2, 3], "databases": {"shop": {"grants": ["a", "b"], "owner": "y", "new": ["c"]}}},
        [],
    )


def test_each_file_appends_to_what_is_below_it(tmp_path: Path) -> None:
    files = {
        "one": "x: [1]\n",
        "two": "extends: one\nappend: {x: [2]}\n",
        "top": "extends: two\nappend: {x: [3]}\n",
    }
    assert tree(tmp_path, **files)[0] == {"x": [1, 2, 3]}


def test_append_takes_variables(tmp_path: Path) -> None:
    files = {
        "base": "db_{{ env }}: {x: [1]}\n",
        "top": "extends: base\nvars: {env: dev}\nappend: {'db_{{ env }}': {x: ['{{ env }}']}}\n",
    }
    assert tree(tmp_path, **files) == ({"db_dev": {"x": [1, "dev"]}}, [])


@pytest.mark.parametrize(
    ("append", "said"),
    [
        ("{owner: x}", "top.yaml:2:17: append.owner: must be a list at the same place as in the spec"),
        ("{x: {a: 1}}", "top.yaml:2:13: append.x: must be a list at the same place as in the spec"),
        ("[1]", "top.yaml:2:9: append: must be a list at the same place as in the spec"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, append: str, said: str) -> None:
    _, faults = tree(tmp_path, base="x: [1]\nowner: y\n", top=f"extends: base\nappend: {append}\n")
    assert len(faults) == 1
    assert faults[0].startswith(said)
