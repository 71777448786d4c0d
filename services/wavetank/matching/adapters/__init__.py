"""Matching's adapters: gRPC in front, Redis behind. They translate and decide nothing."""
