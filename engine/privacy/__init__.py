"""What is kept of one person or account: handed over whole, or erased (C11).

`holdings` which tables hold something of somebody · `whose` everything by which somebody is named · `exporting` ·
`erasing` · `traces` where they stand in the log and the dead letters.

What erasure leaves is a digest of each address, to which nothing is sent any more, and one event that tells the models
to begin anew.
"""

from engine.privacy.erasing import Erased, erase
from engine.privacy.exporting import export
from engine.privacy.whose import Whose, everything_of

__all__ = ["Erased", "Whose", "erase", "everything_of", "export"]
