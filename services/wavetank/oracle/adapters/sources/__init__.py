"""Where prices come from: recorded files and synthetic markets; pushed prices come through the wire."""
