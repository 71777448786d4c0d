"""The wire contract of Wavetank, version 1: generated from `protos/wavetank/v1`, never edited."""
