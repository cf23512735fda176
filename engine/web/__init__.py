"""Everything that speaks HTTP: events in, agents' and operators' API, providers' callbacks, pages."""
