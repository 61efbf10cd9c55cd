"""Incidents, maintenances, announcements, and the alerts of monitors."""
