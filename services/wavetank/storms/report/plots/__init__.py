"""The plots of a run and of its seeds, one file for each thing that is looked at."""
