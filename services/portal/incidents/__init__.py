"""Incidents, maintenances and announcements, for those who run them."""
