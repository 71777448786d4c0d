"""The command line: what a person types to run, watch, break and check a venue."""

import os

# Children are started from processes that hold gRPC channels. gRPC's handlers of fork() serve programs that go on using
# them in the child; ours become another program at once, so they would only print a warning. It is read at its import.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
