"""The commands, one file a noun: each has an `app` that `engine.cli` loads when the command runs."""
