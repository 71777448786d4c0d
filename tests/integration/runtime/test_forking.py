"""A copy of the process writes the state while the process goes on, and leaves nothing behind, however it ends."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.eventually import eventually_async
from wavetank.runtime.forking import ForkedState, ForkFailed


async def read(copy: ForkedState) -> bytes:
    return b"".join([chunk async for chunk in copy.chunks()])


def children() -> set[int]:
    """Return the children of this process, the dead that nobody waited for among them."""
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


async def test_the_copy_writes_the_state_as_it_was() -> None:
    state = bytearray(b"as it was" * 500_000)
    before = children()
    copy = ForkedState.start(lambda: bytes(state))
    state[:] = b"as it is"
    assert await read(copy) == b"as it was" * 500_000
    assert children() == before


async def test_a_copy_that_fails_is_not_taken_for_whole() -> None:
    def fails() -> bytes:
        raise ValueError("the state cannot be written")

    before = children()
    with pytest.raises(ForkFailed, match="code 1"):
        await read(ForkedState.start(fails))
    assert children() == before


async def test_a_copy_that_is_killed_while_it_writes_is_not_taken_for_whole() -> None:
    before = children()
    copy = ForkedState.start(lambda: bytes(50_000_000))
    (pid,) = children() - before
    pieces: list[int] = []

    async def read_and_kill() -> None:
        async for chunk in copy.chunks():
            pieces.append(len(chunk))
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(ForkFailed, match=f"signal {signal.SIGKILL}"):
        await read_and_kill()
    assert 0 < sum(pieces) < 50_000_000
    assert children() == before


async def test_a_copy_nobody_wants_any_more_is_ended() -> None:
    before = children()
    copy = ForkedState.start(lambda: bytes(50_000_000))
    reading = asyncio.create_task(read(copy))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert children() == before
    copy.end()


async def test_the_copy_keeps_no_port_and_no_connection() -> None:
    # What a killed process had open must be closed although a copy of it still writes.
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    before = children()
    copy = ForkedState.start(lambda: bytes(50_000_000))
    (pid,) = children() - before

    def has_closed() -> bool:
        try:
            links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if int(link.name) > 2]
        except FileNotFoundError:  # It was closed between the two looks.
            return False
        return len(links) == 1 and links[0].startswith("pipe:")

    await eventually_async(has_closed)
    # The other side notices the end at once, while the copy lives.
    accepted.close()
    client.settimeout(5.0)
    assert client.recv(1) == b""
    copy.end()
    assert children() == before
    client.close()
    server.close()


async def test_a_copy_ends_with_a_process_that_is_killed() -> None:
    program = (
        "import signal\n"
        "from wavetank.runtime.forking import ForkedState\n"
        "copy = ForkedState.start(signal.pause)\n"
        "print(copy.pid, flush=True)\n"
        "signal.pause()\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert process.stdout is not None
    copy = Path(f"/proc/{int(await process.stdout.readline())}/stat")

    def is_asleep() -> bool:
        return copy.read_text().rpartition(")")[2].split()[0] == "S"

    def is_gone() -> bool:
        # Nobody may be there to wait for it but the first process of the machine.
        return not copy.exists() or copy.read_text().rpartition(")")[2].split()[0] == "Z"

    await eventually_async(is_asleep)
    assert not is_gone()
    process.kill()
    await process.wait()
    await eventually_async(is_gone)
