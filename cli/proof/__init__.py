"""Decisions made again from the log: `verify` compares them with what was decided, `simulate` with
what another policy would.

Everything here reads. No module of this package knows a producer, so nothing in it can write to the
log (`tests/unit/cli_proof/test_reads_only.py`).
"""
