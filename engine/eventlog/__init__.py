"""The event log: where everything that happened stands in order, durably, once."""
