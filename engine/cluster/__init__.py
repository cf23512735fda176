"""What processes that share a database agree on."""
