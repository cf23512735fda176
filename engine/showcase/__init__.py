"""What a run is shown as: scored against the truth, drawn, put on a page; and the demo, which runs one to be shown."""
