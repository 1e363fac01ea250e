"""Migrations: what a database's schema must be is what the repository's scripts say."""
