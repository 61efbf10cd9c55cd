"""Incidents, maintenances and announcements: what is remembered, and what each request becomes."""
