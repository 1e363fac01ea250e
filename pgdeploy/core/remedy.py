"""What removes a drift that no step of a plan removes, and who does it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class By(StrEnum):
    """Who removes a drift."""

    PGDEPLOY = "pgdeploy"
    DEPLOY = "pg01.py"
    PERSON = "a person"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do; nothing where a step of the layer's plan does it, or nothing is wrong."""

    text: str
    by: By = By.PERSON

    def __bool__(self) -> bool:
        return bool(self.text)

    def __str__(self) -> str:
        return self.text

    @classmethod
    def of(cls, said: Remedy | str) -> Remedy:
        """A text is what a person does."""
        return said if isinstance(said, Remedy) else cls(said)


NOTHING = Remedy("")
