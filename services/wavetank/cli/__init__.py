"""The command line: what a person types to run, watch, break and check a venue."""
