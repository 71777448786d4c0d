"""Trade on a Wavetank venue from Python."""
