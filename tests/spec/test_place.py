from __future__ import annotations

import pytest

from pgdeploy.spec.place import Fault, Keys, Place, dotted
from pgdeploy.text.one_line import escape


def test_a_place_reads_as_editors_link_it() -> None:
    assert str(Place("specs/a.yaml", 3, 7)) == "specs/a.yaml:3:7"


def test_a_place_is_one_line_whatever_the_file_is_called() -> None:
    assert str(Place("a\nb.yaml", 1, 1)) == "a\\nb.yaml:1:1"


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ((), ""),
        (("roles", "app", "login"), "roles.app.login"),
        (("hba", 3, "user"), "hba[3].user"),
        (("roles", "a.b"), 'roles."a.b"'),
        (("roles", 'a"b\n'), 'roles."a\\"b\\n"'),
        (("roles", "Ünï"), "roles.Ünï"),
    ],
)
def test_a_path_is_dotted(keys: Keys, text: str) -> None:
    assert dotted(keys) == text


def test_what_does_not_print_is_escaped() -> None:
    assert escape("a\x1b[31m\u202eb é") == "a\\x1b[31m\\u202eb é"


def test_faults_sort_by_line_not_by_digits() -> None:
    assert Fault(Place("a", 9, 1), "x") < Fault(Place("a", 10, 1), "a")
