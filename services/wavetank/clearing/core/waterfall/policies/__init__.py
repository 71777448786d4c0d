"""Whom auto-deleveraging meets, and how much of each: four policies, each a unit of its own (LIQ-080).

`candidate.py` says what a policy sees and must answer, `ranking.py` puts quotients in order without rounding, and
`choice.py` is where a setting becomes a policy.
"""
