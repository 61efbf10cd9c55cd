"""`signalbox erase`: no plaintext of a person is left, and the log still proves what was decided
(docs/decisions/0014).

`table.py` says which words of which event are whose; `person.py` who is meant; `erasing.py` and
`records.py` replace them, `traces.py` finds out what is theirs, `checks.py` what has to be changed
first (all pure). `copying.py` makes the topics anew, `course.py` notes how far it has come,
`stored.py` goes through MongoDB, `files.py` through this machine's data directory. `command.py` is
the order of steps; `mark.py` is what the proofs know it by.
"""
