"""What a run comes to: read from its logs, and from those who waited for answers, live and simulated alike."""
