"""The spine: the one loop that keeps state, its rows, its recovery, its reference data."""
