"""The whole exchange in one process, on a virtual clock, from one seed."""
