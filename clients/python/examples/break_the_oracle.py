"""Break the oracle in one line: for a minute clearing sees every price half a minute late, and nobody else does."""

from datetime import timedelta

from wavetank.client import Client, Consumer, FaultKind

with Client(run_directory=".wavetank") as client:
    client.admin.set_fault(
        FaultKind.LAG, lag=timedelta(seconds=30), consumers=[Consumer.CLEARING], duration=timedelta(minutes=1)
    )
