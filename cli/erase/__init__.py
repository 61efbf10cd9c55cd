"""`signalbox erase`: no plaintext of a person is left, and the log still proves what was decided (docs/decisions/0014).

`table.py` says which words of which event are whose; `erasing.py` replaces them (pure); `traces.py` finds out what concerns the
person (pure); `checks.py` says what has to be changed first (pure). `rewriting.py` makes the topics anew, `stored.py` goes through
MongoDB, `files.py` through this machine's data directory; `command.py` is the order of steps.
"""
