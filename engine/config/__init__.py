"""What operations teams write, read with its places kept, so that every problem can be named where it stands."""
