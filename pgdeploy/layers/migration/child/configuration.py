"""Alembic's configuration of a project: its alembic.ini, where that is named or stands beside the scripts."""

from __future__ import annotations

import configparser
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.layers.migration.child.wording import Refused

if TYPE_CHECKING:
    from alembic.config import Config


def configuration(path: Path) -> Config:
    """Of the folder of env.py, or of an alembic.ini; its sqlalchemy.url leads nowhere."""
    from alembic.config import Config

    file = path if path.is_file() else _beside(path)
    if file is not None:
        config = Config(str(file))
        try:
            more = config.get_main_option("prepend_sys_path")
        except (configparser.Error, UnicodeDecodeError) as error:
            raise Refused(f"{file}: is no alembic.ini: {str(error).splitlines()[0]}") from None
        folders = [str(file.parent / one) for one in re.split(r"[:;,\s]+", more or ".") if one]
        sys.path[:0] = [folder for folder in folders if folder not in sys.path]
    else:
        config = Config()
        config.set_main_option("script_location", str(path).replace("%", "%%"))
        # what is installed comes first: this may be the inside of a package
        if str(path.parent) not in sys.path:
            sys.path.append(str(path.parent))
    config.set_main_option("sqlalchemy.url", "postgresql+psycopg://")
    return config


def _beside(folder: Path) -> Path | None:
    """The alembic.ini in the folder or beside it that says that its scripts are there."""
    from alembic.config import Config

    for file in (folder / "alembic.ini", folder.parent / "alembic.ini"):
        if file.is_file():
            location = Config(str(file)).get_main_option("script_location")
            if location and (file.parent / location).resolve() == folder:
                return file
    return None
