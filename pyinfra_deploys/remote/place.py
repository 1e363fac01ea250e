"""Files into their places: written private, whole or not at all. A text that was there is said only where asked for."""

from __future__ import annotations

from typing import Any

from pyinfra_deploys.remote.whole import desired_state, state_of, write_whole


def main(question: dict[str, Any]) -> dict[str, Any]:
    states = {file["path"]: state_of(file["path"]) for file in question["files"]}
    differs = [file["path"] for file in question["files"] if states[file["path"]] != desired_state(file)]
    if question["make"]:
        for file in question["files"]:
            if file["path"] in differs:
                write_whole(file)
    texts = {path: state[0] if state else "" for path, state in states.items()}
    return {"differs": differs, "texts": texts if question.get("texts") else {}}
