"""From events to observations: windows of event time, for as many series as there are."""
