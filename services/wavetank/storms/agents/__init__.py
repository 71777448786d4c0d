"""Who trades in a storm besides the strategies under test."""
