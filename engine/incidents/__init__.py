"""What spans partitions: incidents, which are issues of many customers with one cause, and cohorts of peers.

A worker sees its own partitions only. So each writes what its detectors raised into one more event log, the signals,
with two summaries: how many customers it has by the dimensions that a cause may lie in, and where its cohorts went.
The process that leads reads them all, in one order, and says what it makes of them.
"""
