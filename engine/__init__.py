"""The engine: from the event log to decisions, and back.

Layers, each importing only those to its right: ``cli → app → web → flow → io → core``. The file to read first is
`engine/pipeline.py`.
"""
