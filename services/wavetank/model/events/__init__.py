"""Events: what happened, in past participles; one module per log that they are written to."""
