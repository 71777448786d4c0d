"""What a run comes to: read from the logs alone, whether the venue was live or simulated."""
