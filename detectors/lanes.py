"""Many series at a time, side by side, so that the processor takes several of them in one step.

What differs from series to series by its past is done row by row; the arithmetic that is the same for all is done on
*lanes*, arrays of one number of each series, in loops without a branch. Lanes of one width are in one record: the
compiler then knows that none overlaps another. A row is *away* while its series is in the lanes, so that a second
observation of it waits for the first.
"""

import numpy as np

LANES = 64
"""Series at a time: their lanes stay in the nearest cache."""
AWAY = np.nan
"""The time of a row that is away."""
