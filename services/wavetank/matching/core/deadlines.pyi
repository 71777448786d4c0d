"""Python surface of `deadlines`: none; only compiled code keeps time."""
