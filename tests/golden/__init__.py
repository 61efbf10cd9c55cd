"""A month of support, always the same, decided by the pure workers alone: see `month.py` and
`test_golden_month.py`.
"""
