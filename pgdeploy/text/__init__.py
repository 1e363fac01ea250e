"""How text is written: names and lists in messages, text of others on one line, and the formats of rendered files.

Each format is one module. It writes text as the format's own parser reads it back, and raises `ValueProblem` for what
the format has no way to hold: text of a spec never becomes a line, a field or an option of its own.
"""
