"""Atheris fuzzers of the two doors that strangers reach: mail and JSON. `make fuzz` runs each for
ten minutes.
"""
