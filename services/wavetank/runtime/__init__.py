"""The habits of a process: settings, clock, log, snapshots, gRPC server, errors, metrics, start and end."""
