"""Events as sentences: one line for each, in plain words; one module per log.

It exists so that a person can read a log. Kept true: every event that a log may hold has a sentence; a kind that this
version does not describe is shown with its fields rather than left out.
"""
