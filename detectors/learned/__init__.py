"""The parts of `kind: risk`: features, memory, learners, calibration, threshold and evaluation, a noun a file."""
