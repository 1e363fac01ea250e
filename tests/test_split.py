"""`pgdeploy split`: what environments share is said once, and each says what it said."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given

from pgdeploy.gate.target import load_target
from pgdeploy.lifecycle.compare import differences
from pgdeploy.lifecycle.split import environment_words, says_the_same, split
from pgdeploy.model.spec import Spec
from pgdeploy.spec.compose import compose
from pgdeploy.spec.node import data
from pgdeploy.spec.render import render
from tests.program import pgdeploy as pgdeploy_program
from tests.properties.law import MAJOR
from tests.properties.strategy import pairs

SPEC = """\
# a comment
postgres: 16
connect: {{dsn: host={env}.example.org user=postgres}}
settings: {{work_mem: {limit}MB, jit: off}}
hba:
  - {{type: local, database: all, user: all, method: peer}}
  - {{type: host, database: shop_{env}, user: app_{env}, address: 10.{limit}.0.0/16, method: scram-sha-256}}
roles:
  postgres: {{superuser: true, login: true}}
  app_{env}: {{login: true, password: {{env: APP_{ENV}_PASSWORD}}, connection_limit: {limit}}}
  reader: {{login: true}}
databases:
  shop_{env}:
    owner: app_{env}
    grants:
      - {{revoke: [CONNECT], on: database, from: [PUBLIC]}}
      - {{grant: [CONNECT], on: database, to: [app_{env}, reader]}}
"""
TESTERS = "      - {grant: [TEMP], on: database, to: [reader]}\n"
LIMITS = {"dev": 5, "staging": 10, "production": 50}


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    folder = tmp_path / "specs"
    folder.mkdir()
    for env, limit in LIMITS.items():
        text = SPEC.format(env=env, ENV=env.upper(), limit=limit) + (TESTERS if env == "dev" else "")
        (folder / f"{env}.yaml").write_text(text)
    return folder


def pgdeploy(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return pgdeploy_program(*words, cwd=folder)


def test_comments_stay_beside_what_they_belong_to(specs: Path) -> None:
    for env, limit in LIMITS.items():
        file = specs / f"{env}.yaml"
        text = file.read_text()
        for old, new in (
            ("  reader:", "  # for reports\n  reader:"),
            (f"  app_{env}: {{", f"  # of {env}\n  app_{env}: {{"),
            (f"connection_limit: {limit}}}", f"connection_limit: {limit}}}  # the pool's"),
            ("superuser: true, login: true}", f"superuser: true, login: true}}  # {env}'s"),
            (f"to: [app_{env}, reader]}}", f"to: [app_{env}, reader]}}  # both"),
            ("to: [reader]}\n", "to: [reader]}  # tests only\n"),
        ):
            text = text.replace(old, new)
        file.write_text(text)
    done = pgdeploy(specs.parent, "split", *LIMITS, "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(
        "3 comments on what is shared are not in all of the specs, and are left out\n"
    )
    base = (specs / "_base.yaml").read_text()
    assert base.startswith("# a comment\npostgres: 16\n")
    assert "  # for reports\n  reader: {login: true}\n" in base
    staging = (specs / "staging.yaml").read_text()
    assert "  # of staging\n  'app_{{ env }}': {connection_limit: 10}  # the pool's\n" in staging
    assert "to: ['app_{{ env }}', reader]}  # both\n" in base
    assert "to: [reader]}  # tests only\n" in (specs / "dev.yaml").read_text()


def test_each_says_what_it_said(specs: Path) -> None:
    before = {env: load_target(specs / f"{env}.yaml") for env in LIMITS}
    done = pgdeploy(specs.parent, "split", *LIMITS, "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    for env, target in before.items():
        after = load_target(specs / f"{env}.yaml")
        assert differences(target, after) == []
        assert after.spec == target.spec.model_copy(update={"hba": after.spec.hba})
        assert after.spec.hba == target.spec.hba
    assert (specs / "staging.yaml").read_text() == (
        "extends: _base\n"
        "vars: {env: staging, ENV: STAGING}\n"
        "settings: {work_mem: 10MB}\n"
        "\n"
        "roles:\n"
        "  'app_{{ env }}': {connection_limit: 10}\n"
        "\n"
        "append:\n"
        "  hba:\n"
        "    - {type: host, database: 'shop_{{ env }}', user: 'app_{{ env }}', address: 10.10.0.0/16, method: "
        "scram-sha-256}\n"
    )


def test_what_stands_in_all_stands_once(specs: Path) -> None:
    assert pgdeploy(specs.parent, "split", *LIMITS, "--yes").returncode == 0
    texts = [set((specs / f"{env}.yaml").read_text().splitlines()) for env in LIMITS]
    again = [line for line in set.intersection(*texts) if line and not line.endswith(":")]
    assert again == ["extends: _base"]


def test_nothing_is_written_without_a_yes_or_over_a_file(specs: Path) -> None:
    texts = {file: file.read_text() for file in specs.iterdir()}
    asked = pgdeploy(specs.parent, "split", *LIMITS)
    assert (asked.returncode, "pass --yes" in asked.stderr) == (1, True)
    (specs / "_base.yaml").write_text("postgres: 16\n")
    there = pgdeploy(specs.parent, "split", *LIMITS, "--yes")
    assert (there.returncode, "--base must be the name of a new file that begins with _" in there.stderr) == (
        1,
        True,
    )
    alone = pgdeploy(specs.parent, "split", "dev", "--base", "_other", "--yes")
    assert (alone.returncode, "name two specs or more" in alone.stderr) == (1, True)
    (specs / "dev.yaml").write_text(SPEC.format(env="dev", ENV="DEV", limit=1) + "description: 'a {{ b'\n")
    marked = pgdeploy(specs.parent, "split", *LIMITS, "--base", "_other", "--yes")
    assert (marked.returncode, "would be taken for a variable" in marked.stderr) == (1, True)
    assert {file: file.read_text() for file in texts if file.stem != "dev"} == {
        file: text for file, text in texts.items() if file.stem != "dev"
    }


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((["shop_dev"], ["shop_prod"]), ("dev", "prod")),
        ((["dev_shop"], ["prod_shop"]), ("dev", "prod")),
        ((["a_dev_b", "x"], ["a_prod_b", "x"]), ("dev", "prod")),
        ((["staging"], ["starting"]), ("staging", "starting")),
        ((["x"], ["x"]), ()),
        ((["x_1", "y"], ["x_2"]), ()),
    ],
)
def test_the_word_of_an_environment(names: tuple[list[str], ...], words: tuple[str, ...]) -> None:
    assert environment_words([{"roles": {key: {} for key in some}} for some in names]) == words


@given(pairs(MAJOR))
def test_any_two_specs_say_what_they_said(specs: tuple[Spec, Spec]) -> None:
    trees = {f"s{at}": data(compose(render(spec), "spec").root) for at, spec in enumerate(specs)}
    made = split(trees, "_base")  # type: ignore[arg-type]
    for name, tree in trees.items():
        assert says_the_same(tree, made.base, made.specs[name])  # type: ignore[arg-type]
