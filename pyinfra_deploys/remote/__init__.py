"""Scripts that run on the host by `python3 -`: the standard library only, Python 3.9 or later.

Each has `main(question)`, which gives what it found or did as JSON, or ends with one message.
"""
