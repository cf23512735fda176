"""Where series that have gone quiet are kept until something comes of them again.

`base` what a store of them does · `file` a file for each partition, on one machine · `table` tables of the database,
where partitions move between machines.
"""

from engine.cold.base import Away, ColdStore, ColdStores, Leaving, Torn

__all__ = ["Away", "ColdStore", "ColdStores", "Leaving", "Torn"]
