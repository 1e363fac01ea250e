from __future__ import annotations

from pathlib import Path

import pytest

from pgdeploy.errors import PgdeployError
from pgdeploy.lint import RULES, Rule, exit_code, explain, line
from pgdeploy.lint.size import human, read_size
from pgdeploy.spec.place import Place
from tests.lint.advice import Read, advise


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.id))
def test_every_rule_is_explained(rule: object) -> None:
    assert isinstance(rule, Rule)
    text = explain(rule.id)
    assert text.startswith(f"{rule.id} ({rule.severity}): {rule.title}")
    assert "\n\nSource: " in text
    assert explain(rule.id.lower()) == text


@pytest.mark.parametrize(("id", "hint"), [("PGD1011", "'PGD101'"), ("memory", "PGD001 to PGD904")])
def test_an_unknown_id_is_an_error_with_a_hint(id: str, hint: str) -> None:
    with pytest.raises(PgdeployError, match=f"there is no rule {id}.*{hint}"):
        explain(id)


@pytest.mark.parametrize(
    ("text", "code"),
    [("", 0), ("settings: {synchronous_commit: off}\n", 0), ("settings: {fsync: off}\n", 2)],
)
def test_notes_do_not_change_the_exit_status(text: str, code: int, read: Read) -> None:
    assert exit_code(advise(read(text))) == code


def test_a_line_is_one_line_whatever_the_names(read: Read) -> None:
    (advice,) = advise(read('roles: {"a\\nb\\e[31m": {}}\n'))
    printed = line(advice, Place("s.yaml", 3, 9))
    assert printed.startswith('s.yaml:3:9: note PGD801 role["a\\nb\\u001b[31m"]: ')
    assert printed.isprintable()


def test_advice_is_data_too(read: Read) -> None:
    (advice,) = advise(read("settings: {fsync: off}\n"))
    data = advice.as_data()
    assert (data["rule"], data["severity"], data["path"]) == ("PGD201", "error", "settings.fsync")
    assert advice.text == f"error PGD201 {data['address']}: {data['message']}"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("48GB", 48 * 1024**3),
        ("512MB", 512 * 1024**2),
        ("1.5TB", 1.5 * 1024**4),
        ("48gb", None),
        ("", None),
        ("0", None),
    ],
)
def test_memory_is_read_as_postgresql_reads_sizes(text: str, size: float | None) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (12 * 1024**3, "12GB"),
        (1.5 * 1024**3, "1.5GB"),
        (64 * 1024, "64kB"),
        (100, "100B"),
        (2 * 1024**4, "2TB"),
    ],
)
def test_sizes_are_shown_as_people_do(size: float, text: str) -> None:
    assert human(size) == text


def test_no_file_of_rules_is_forgotten() -> None:
    import pgdeploy.lint

    folder = Path(pgdeploy.lint.__file__).parent
    with_rules = {
        file.stem for file in folder.glob("*.py") if "\nRULES = (" in file.read_text(encoding="utf-8")
    }
    registered = {rule.find.__module__.rpartition(".")[2] for rule in RULES} - {"rule"} | {"waiver"}
    assert registered == with_rules
