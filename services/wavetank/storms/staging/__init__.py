"""From a page to a venue: what a scenario says, put on stage in a simulation."""
