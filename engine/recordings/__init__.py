"""Recorded events in files: NDJSON or CSV, packed or not, whole or in chunks of time."""
