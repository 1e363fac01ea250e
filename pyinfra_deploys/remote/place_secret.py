"""A secret into a file of its own: written private, whole or not at all. What is compared is said to nobody."""

from __future__ import annotations

from typing import Any

from pyinfra_deploys.remote.whole import desired_state, state_of, write_whole


def main(question: dict[str, Any]) -> dict[str, Any]:
    differs = [file["path"] for file in question["files"] if state_of(file["path"]) != desired_state(file)]
    if question["make"]:
        for file in question["files"]:
            if file["path"] in differs:
                write_whole(file)
    return {"differs": differs}
