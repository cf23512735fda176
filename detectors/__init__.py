"""Detectors: observations in, signals out. One file a kind; nothing here knows the engine or outreach."""
