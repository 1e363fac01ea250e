"""What PostgreSQL knows of itself, offline: parameters and privileges by major version, values and their spelling,
and the formats of its files.
"""
