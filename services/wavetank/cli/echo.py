"""A bare gRPC echo: what a message costs when nothing is done with it.

It exists so that `bench wire` has something to be compared with, measured in the same minute on the same machine. It
runs as a process of its own (`python -m wavetank.cli.echo REPLY_BYTES`), prints its address, and answers each message
of a stream with as many bytes as it was told. It ends with the process that started it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import grpc
import uvloop

from wavetank.runtime.parent import die_with_parent

METHOD = "/wavetank.echo/Stream"


class _EchoHandler(grpc.GenericRpcHandler):
    def __init__(self, reply: bytes) -> None:
        self._reply = reply

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        if handler_call_details.method != METHOD:
            return None
        # Without a deserialiser the bytes are handed over as they came.
        return grpc.stream_stream_rpc_method_handler(self._echo)

    async def _echo(self, requests: AsyncIterator[bytes], context: object) -> AsyncIterator[bytes]:
        async for _ in requests:
            yield self._reply


async def serve(reply_bytes: int) -> None:
    """Serve until SIGTERM; the first line of standard output is the address."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_EchoHandler(bytes(reply_bytes)),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"127.0.0.1:{port}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await server.stop(grace=0.5)


if __name__ == "__main__":
    die_with_parent(os.getppid())
    uvloop.run(serve(int(sys.argv[1])))
