"""What connects the oracle to files, Redis and the wire; adapters translate and decide nothing."""
