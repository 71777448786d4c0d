"""What the oracle decides: pure, in integers, a function of its recorded inputs."""
