from __future__ import annotations

from datetime import date

import pytest

from pgdeploy.errors import SpecError
from pgdeploy.lint import lint, valid_scopes, waived
from pgdeploy.lint.waiver import check_ids
from tests.lint.advice import Read, advise, ids
from tests.lint.cases import VM

OFF = "settings: {fsync: off, full_page_writes: off}\n"


def waiver(rule: str = "PGD201", on: str = "", until: str = "2026-12-31") -> str:
    where = f"on: '{on}', " if on else ""
    return (
        f"waivers:\n  - {{rule: {rule}, {where}reason: the data is made again every night, until: {until}}}\n"
    )


@pytest.mark.parametrize("on", ["", "setting[fsync]"])
def test_a_waiver_silences_its_rule_only(on: str, read: Read) -> None:
    assert ids(advise(read(OFF))) == ["PGD201", "PGD202"]
    assert ids(advise(read(OFF + waiver(on=on)))) == ["PGD202"]


def test_a_waiver_on_another_address_silences_nothing(read: Read) -> None:
    advices = advise(read(OFF + waiver(on="setting[fsinc]")))
    assert ids(advices) == ["PGD201", "PGD202", "PGD902"]
    assert "setting[fsinc]" in advices[2].message


def test_a_waiver_holds_on_its_last_day(read: Read) -> None:
    loaded = read(OFF + waiver(until="2026-06-15"))
    assert ids(advise(loaded, "2026-06-15")) == ["PGD202"]


def test_an_expired_waiver_does_not_silence_and_is_advice_itself(read: Read) -> None:
    loaded = read(OFF + waiver(until="2026-06-15"))
    advices = advise(loaded, "2026-06-16")
    assert ids(advices) == ["PGD201", "PGD202", "PGD901"]
    assert "the data is made again every night" in advices[2].message
    assert loaded.place(advices[2].keys).line == 5


def test_advice_about_waivers_cannot_be_waived(read: Read) -> None:
    loaded = read(OFF + waiver("PGD903") + waiver("PGD2011").removeprefix("waivers:\n"))
    assert ids(advise(loaded)) == ["PGD201", "PGD202", "PGD902", "PGD903"]


def test_an_unknown_rule_has_a_near_miss(read: Read) -> None:
    (advice,) = advise(read("settings: {}\n" + waiver("pgd201x")))
    assert advice.message == "there is no rule pgd201x; did you mean 'PGD201'?"


def test_waived_asks_one_piece_of_advice(read: Read) -> None:
    loaded, plain = read(OFF + waiver()), advise(read(OFF))
    silenced = [
        advice.rule.id for advice in plain if waived(valid_scopes(loaded.value, date(2026, 6, 15)), advice)
    ]
    assert silenced == ["PGD201"]


def test_without_places_the_order_is_that_of_the_sections(read: Read) -> None:
    text = (
        waiver("PGD204")
        + "databases: {left: {}}\nroles: {b: {}, a: {}}\nsettings: {full_page_writes: off, fsync: off}\n"
    )
    loaded = read(text)
    assert [advice.address for advice in lint(loaded.value, date(2026, 6, 15))] == [
        "setting[full_page_writes]",
        "setting[fsync]",
        "role[b]",
        "role[a]",
        "database[left]",
        "waiver[PGD204]",
    ]
    lines = [loaded.place(advice.keys) for advice in advise(loaded)]
    assert lines == sorted(lines)


def of_check(check: str, until: str) -> str:
    return f"waivers:\n  - {{check: '{check}', reason: the reload is on Sunday, until: {until}}}\n"


@pytest.mark.parametrize(
    "start", ["setting[fsync].value", "role[app].logs_in", "role[others].undeclared", "clock[", "vm["]
)
def test_a_waiver_of_a_check_of_any_layer_is_no_advice(start: str, read: Read) -> None:
    text = (
        f"{VM}  fsync: on\nroles: {{app: {{login: true, password: {{env: P}}}}}}\n"
        "host: {time_zone: Etc/UTC}\n"
    )
    check = next(known for known in sorted(check_ids(read(text).value)) if known.startswith(start))
    found = ids(advise(read(text + of_check(check, "2026-06-15")), "2026-06-15"))
    assert not {"PGD901", "PGD904"} & set(found)
    assert "PGD904" in ids(advise(read(text + of_check(f"{check}x", "2026-06-15")), "2026-06-15"))


def test_a_waiver_of_a_check_is_past_its_day(read: Read) -> None:
    text = "settings: {fsync: on}\n" + of_check("setting[fsync].value", "2026-06-14")
    (advice,) = advise(read(text), "2026-06-15")
    assert advice.text == (
        "warning PGD901 waiver[setting[fsync].value]: it held until 2026-06-14; where setting[fsync].value is not "
        "green, the gate is red again; look again: the reload is on Sunday"
    )


def test_a_waiver_of_a_check_silences_no_advice(read: Read) -> None:
    loaded = read(OFF + of_check("setting[fsync].value", "2026-12-31"))
    assert ids(advise(loaded)) == ["PGD201", "PGD202"]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("{reason: for no reason, until: 2026-12-31}", "name one: `rule:`"),
        ("{rule: PGD101, check: 'setting[fsync].value', reason: both of them, until: 2026-12-31}", "name one: `rule:`"),
        ("{check: 'role[a].login', on: x, reason: on goes with rule, until: 2026-12-31}", "`on:` goes with `rule:`"),
        ("{check: 'setting[fsync].value', reason: no day at all}", r"until"),
    ],
)  # fmt: skip
def test_a_waiver_that_says_too_little_or_too_much(what: str, said: str, read: Read) -> None:
    with pytest.raises(SpecError) as caught:
        read(f"settings: {{}}\nwaivers:\n  - {what}\n")
    (problem,) = caught.value.problems
    assert "spec.yaml:5:" in problem
    assert said in problem
