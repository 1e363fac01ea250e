"""The formats of the files that are rendered from a spec, one module each.

Each module writes text as the format's own parser reads it back, and raises `ValueProblem` for what the format has
no way to hold: text of a spec never becomes a line, a field or an option of its own.
"""
