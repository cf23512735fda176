"""The public status page: what is said on it, how well its components did, and who is told.

`book` is where something is declared, `keeper` does what the clock asks for, `subscribers` and `news` tell people.
"""
