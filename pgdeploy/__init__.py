"""pgdeploy: one spec says what a PostgreSQL server must be; pytest proves it, line by line."""

__version__ = "0.1.0"
