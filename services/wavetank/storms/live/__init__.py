"""A scenario on a venue that runs: driven through its public doors, and left as it was found."""
