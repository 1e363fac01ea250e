"""What is known of settings offline is what the servers say of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pgdeploy.postgres.parameter import MAJORS, Parameter, parameters, suggest
from pgdeploy.postgres.values import canonical, show
from scripts.generate_parameters import FOLDER, differences, find, generate

if TYPE_CHECKING:
    from pgdeploy.reach.embedded import Cluster


@pytest.mark.parametrize("major", MAJORS)
def test_every_default_is_a_value_of_its_setting(major: int) -> None:
    for parameter in parameters(major).values():
        if parameter.default is not None and parameter.context != "internal":
            value = canonical(parameter.default, parameter)
            assert canonical(show(value, parameter), parameter) == value


@pytest.mark.parametrize("major", MAJORS)
def test_data_is_whole(major: int) -> None:
    known = parameters(major)
    assert len(known) > 340
    for parameter in known.values():
        assert parameter.summary
        assert (parameter.vartype == "enum") <= (len(parameter.values) > 1)
        if parameter.vartype in ("integer", "real") and parameter.context != "internal":
            assert parameter.minimum is not None
            assert parameter.maximum is not None
            assert parameter.minimum <= parameter.maximum


def test_names_are_looked_up_in_lower_case_and_keep_their_spelling() -> None:
    assert parameters(16)["datestyle"].name == "DateStyle"
    assert parameters(16)["timezone"].name == "TimeZone"
    assert parameters(16)["plpgsql.extra_errors"].is_list


def test_versions_differ() -> None:
    assert "transaction_timeout" in parameters(17)
    assert "transaction_timeout" not in parameters(16)
    assert parameters(16)["maintenance_work_mem"].minimum == 1024
    assert parameters(17)["maintenance_work_mem"].minimum == 64
    assert parameters(14)["wal_compression"].vartype == "bool"
    assert parameters(15)["wal_compression"].vartype == "enum"


def test_an_unsupported_version_is_refused() -> None:
    with pytest.raises(ValueError, match=r"PostgreSQL 13 .*14 to 18"):
        parameters(13)


def test_values_that_only_some_builds_have_are_known() -> None:
    assert {"pglz", "lz4", "zstd"} <= set(parameters(16)["wal_compression"].values)
    assert "io_uring" in parameters(18)["io_method"].values
    assert "jsonlog" in parameters(15)["log_destination"].values
    assert "jsonlog" not in parameters(14)["log_destination"].values


def test_lists_are_known() -> None:
    quoted = {name for name, parameter in parameters(16).items() if parameter.quotes_list}
    assert quoted == {
        "local_preload_libraries",
        "output_plugin_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }


@pytest.mark.parametrize("major", MAJORS)
def test_settings_of_minor_releases_and_of_debian_are_known(major: int) -> None:
    assert {"output_plugin_libraries", "composite_type_mismatch", "role"} <= parameters(major).keys()
    assert ("extension_destdir" in parameters(major)) is (major < 18)


def test_near_misses_are_suggested() -> None:
    assert suggest("shared_bufers", 16)[0] == "shared_buffers"
    assert suggest("DATESTILE", 16)[0] == "DateStyle"
    assert suggest("qqqqqq", 16) == []


def test_no_place_of_a_build_or_machine_is_in_the_data() -> None:
    for major in MAJORS:
        text = json.dumps(
            [(p.name, p.default) for p in parameters(major).values() if p.name != "extension_destdir"]
        )
        assert "/tmp" not in text
        assert "/etc" not in text
        assert "/var" not in text


READ = "SELECT name, vartype, unit, min_val, max_val, enumvals, context FROM pg_settings WHERE context <> 'internal'"


def described(known: Parameter) -> tuple[object, ...]:
    return known.name, known.vartype, known.unit, known.minimum, known.maximum, known.context


def assert_agrees(server: Cluster, major: int) -> None:
    with server.open() as connection:
        rows = connection.execute(READ).fetchall()
    assert len(rows) > 300
    for name, vartype, unit, low, high, values, context in rows:
        assert isinstance(name, str)
        known = parameters(major)[name.lower()]
        bounds = [None if bound is None else float(str(bound)) for bound in (low, high)]
        assert described(known) == (name, vartype, unit, *bounds, context)
        assert isinstance(values, list) <= (known.vartype == "enum")
        if isinstance(values, list):
            assert set(values) <= set(known.values)


def test_server_16_agrees(server16: Cluster) -> None:
    assert_agrees(server16, 16)


def test_server_18_agrees(server18: Cluster) -> None:
    assert_agrees(server18, 18)


@pytest.mark.long
@pytest.mark.parametrize("major", MAJORS)
def test_the_files_are_what_the_script_writes(major: int) -> None:
    programs = find(major)
    if programs is None:
        pytest.skip(f"PostgreSQL {major} is not on this machine")
    assert differences((FOLDER / f"{major}.json").read_text(), generate(major, programs)) == []
