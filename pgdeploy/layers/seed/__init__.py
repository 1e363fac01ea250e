"""Seeds: rows that a database must have."""
