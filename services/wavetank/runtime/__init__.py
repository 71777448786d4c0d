"""The habits of a process: settings, clock, log, snapshots, gRPC server, errors, metrics, start and end."""

import os

# A copy that writes a snapshot (`forking`) has none of gRPC's threads, and must not be given new ones. gRPC reads this
# when it is imported, so this room is imported first.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
