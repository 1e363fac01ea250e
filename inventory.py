"""pyinfra's inventory, read from specs/: `pyinfra inventory.py pyinfra_deploys/pg01.py`."""

from pyinfra_deploys.targets import postgres as _targets

postgres = list(_targets)
