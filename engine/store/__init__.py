"""What the engine remembers besides models and events: one relational database."""
