"""The auditor: rebuilds books and ledger from the logs alone, and says whether the venue kept its rules.

It shares no code with the services' cores: their arithmetic is written here a second time, plainly, so that an error
in one of the two is a difference and not an agreement.
"""
