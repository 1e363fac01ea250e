"""Answers of real servers, as others have recorded them: ours have the same keys and types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.proxmox.client import started
from tests.simulators.proxmox.simulator import Simulator

RECORDED = sorted((Path(__file__).parent / "answers").glob("*.json"))


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_same_shape(proxmox: Simulator, api: Any, file: Path) -> None:
    recorded = json.loads(file.read_text(encoding="utf-8"))
    path, _, query = recorded["request"].partition("?")
    started(proxmox, api)
    ours = api(path).get(**dict(pair.split("=") for pair in query.split("&") if pair))
    assert misfits(recorded["data"], ours) == []


def misfits(theirs: Any, ours: Any, place: str = "") -> list[str]:
    """Where theirs has a key that ours has not, or a value of another kind."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        missing = [f"{place}.{key} is missing" for key in theirs if key not in ours]
        deeper = (misfits(theirs[key], ours[key], f"{place}.{key}") for key in theirs if key in ours)
        return missing + [text for texts in deeper for text in texts]
    if isinstance(theirs, list) and isinstance(ours, list):
        return [text for item in ours[-1:] for text in misfits(theirs[0], item, f"{place}[]")]
    same = isinstance(theirs, str) == isinstance(ours, str)
    return [] if same else [f"{place}: {ours!r} is not like {theirs!r}"]
