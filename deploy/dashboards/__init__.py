"""Grafana dashboards, drawn from the table in `panels.py`: `python -m deploy.dashboards` writes the
files that Grafana imports.
"""
