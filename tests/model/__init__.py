"""Naive models: lists and Fractions, obviously right, sharing no code with what they judge."""
