"""Waves: more people than usual are about to be told the same thing at the same time.

A wave goes out in steps. First the canary, as many as a busy hour tells, or a small share of the most that may be told;
then nobody while what those did is watched; then the others, or nobody before people agreed. So a detector that trips
for every customer at once costs a handful of needless messages, and not one for each.
"""
