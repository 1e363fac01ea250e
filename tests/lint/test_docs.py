"""The documentation says what lint says."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from pgdeploy.gate.spec_file import load_spec
from pgdeploy.lint import RULES, line, lint
from pgdeploy.lint.rule import Advice
from pgdeploy.lint.text import TOPICS, page
from pgdeploy.model.spec import Spec
from pgdeploy.spec.loader import Loaded
from tests.lint.advice import Read, advise

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "docs/lint-of-the-source.md"
TODAY = date(2026, 6, 15)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Loaded[Spec]:
    """The spec, by the name that a user in the project's folder gives it."""
    monkeypatch.chdir(ROOT)
    return load_spec(Path("specs/prod-pg01.yaml"))


def _blocks(language: str) -> list[str]:
    text = SOURCE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def _printed(loaded: Loaded[Spec], advices: list[Advice]) -> list[str]:
    return [line(advice, loaded.place(advice.keys)) for advice in advices]


def test_the_page_of_rules_is_current() -> None:
    written = (ROOT / "docs/lint.md").read_text(encoding="utf-8")
    assert written == page(RULES), "make it anew: python -m pgdeploy.lint > docs/lint.md"


def test_every_rule_has_a_topic() -> None:
    assert {rule.id[:4] for rule in RULES} == set(TOPICS)


def test_the_example_of_a_waiver_is_one(read: Read) -> None:
    example = re.findall(r"^    (waivers:\n(?:     .*\n)+)", page(RULES), re.MULTILINE)[0].replace(
        "\n    ", "\n"
    )
    assert advise(read(f"settings: {{log_statement: ddl}}\n{example}")) == []


def test_the_page_on_the_source_holds_what_is_printed_and_no_more(source: Loaded[Spec]) -> None:
    without_hba = source.value.model_copy(update={"hba": None})
    advices = [*lint(source.value, TODAY, source.place), *lint(without_hba, TODAY, source.place)]
    printed = [text for block in _blocks("text") for text in block.splitlines()]
    assert len(printed) == len(set(printed))
    assert set(printed) == set(_printed(source, advices))


def test_with_its_remedies_there_is_nothing_left_to_say(tmp_path: Path) -> None:
    (spec,) = _blocks("yaml")
    for file in ("prod-pg01.yaml", "mended.yaml"):
        text = (ROOT / "specs" / file).read_text(encoding="utf-8") if file == "prod-pg01.yaml" else spec
        (tmp_path / file).write_text(text, encoding="utf-8")
    loaded = load_spec(tmp_path / "mended.yaml")
    assert _printed(loaded, lint(loaded.value, TODAY, loaded.place)) == []
