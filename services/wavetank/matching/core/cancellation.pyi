"""Python surface of `cancellation`: none; only compiled code cancels orders."""
