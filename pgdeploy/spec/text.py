"""Fields that are text of a certain shape, because it reaches a file, a command or an API that could misread it."""

from __future__ import annotations

import re
from collections.abc import Callable

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from pgdeploy.text.problem import ValueProblem


def shaped(pattern: str, allowed: str) -> tuple[AfterValidator, object]:
    """A text that matches as a whole; `allowed` says it in words."""
    matches = re.compile(pattern).fullmatch

    def check(text: str) -> str:
        if matches(text) is None:
            raise PydanticCustomError("shape", "allowed: {allowed}", {"allowed": allowed})
        return text

    return AfterValidator(check), Field(json_schema_extra={"pattern": f"^({pattern})$"})


def checked(check: Callable[[str], object]) -> AfterValidator:
    """A text that a function of `pgdeploy.format` takes; what it raises is the message."""

    def call(text: str) -> str:
        try:
            check(text)
        except ValueProblem as error:
            # a brace would be a placeholder
            raise PydanticCustomError("format", "{why}", {"why": str(error)}) from None
        return text

    return AfterValidator(call)
