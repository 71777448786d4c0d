"""What `bench wire` sends: requests made beforehand, over streams of plain bytes, one in flight or many.

It exists so that what is measured is the venue and gRPC, not the making of messages in the client: a request is a
template into which only ids are written, and answers are kept as bytes and read when the clock no longer runs. Kept
true: every answer is read then, and a command that was refused ends the measurement.
"""

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import grpc
import numpy as np

from wavetank.cli.connection import bearer
from wavetank.cli.echo import METHOD
from wavetank.cli.failure import CommandFailed
from wavetank.v1 import order_entry_pb2 as pb

SESSION = "/wavetank.v1.OrderEntryService/Session"

_REQUEST_ID_FIELD = 0x08
# Request ids from here on have four bytes, so that every request has the same length.
_FIRST_REQUEST_ID = 1 << 21
_ID_BYTES = 8

Send = Callable[[], bytes]


class RawStream:
    """A stream of bytes both ways, and what came back."""

    def __init__(self, call: Any, first_byte: int) -> None:  # noqa: ANN401 - grpcio's call.
        """Carry messages; those that answer a request begin with `first_byte`."""
        self._call = call
        self._first_byte = first_byte
        self.answers: list[bytes] = []

    async def write(self, data: bytes) -> None:
        """Send a message."""
        await self._call.write(data)

    async def read(self) -> bytes:
        """Return the next message.

        Raises:
            CommandFailed: the stream has ended.

        """
        try:
            data = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise CommandFailed(f"the stream ended: {error.details()}") from error
        if data is grpc.aio.EOF:
            raise CommandFailed(
                f"the stream ended: {await self._call.details()}", hint="`wavetank status` shows how the services are"
            )
        self.answers.append(data)
        return bytes(data)

    async def answer(self) -> bytes:
        """Return the next message that answers a request; own order events alone are passed over."""
        while (data := await self.read())[0] != self._first_byte:
            pass
        return data

    async def windowed(self, send: Send, *, window: int, seconds: float, most: int) -> int:
        """Keep `window` requests in flight for a while; return how many were answered.

        Args:
            send: makes the next request.
            window: requests in flight.
            seconds: wall time; what is in flight then is still waited for.
            most: requests to send, at most.

        """
        free = asyncio.Semaphore(window)
        ends = time.monotonic() + seconds
        sent = 0
        is_sending = True

        async def write() -> None:
            nonlocal sent, is_sending
            while sent < most and time.monotonic() < ends:
                await free.acquire()
                sent += 1
                await self._call.write(send())
            is_sending = False

        writing = asyncio.ensure_future(write())
        answered = 0
        while is_sending or answered < sent:
            if answered < sent:
                await self.answer()
                answered += 1
                free.release()
            else:
                await asyncio.sleep(0)
        await writing
        return answered

    def close(self) -> None:
        """End the stream."""
        self._call.cancel()


class Echo:
    """A bare echo in a process of its own, and a stream to it."""

    def __init__(self, request_bytes: int, reply_bytes: int) -> None:
        self._request = bytes(request_bytes)
        self._reply_bytes = reply_bytes
        self.pid = 0

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "wavetank.cli.echo", str(self._reply_bytes), stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.pid = self._process.pid
        address = (await self._process.stdout.readline()).decode().strip()
        self._channel = grpc.aio.insecure_channel(address)
        self.stream = RawStream(self._channel.stream_stream(METHOD)(), first_byte=0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stream.close()
        await self._channel.close()
        self._process.terminate()
        await self._process.wait()

    def request(self) -> bytes:
        """Return a request."""
        return self._request


class OrderSession:
    """A session of an account, over plain bytes."""

    def __init__(self, address: str, key: str, account_id: int, acknowledgement: int) -> None:
        self._address = address
        self._key = key
        self._open = pb.SessionOpen(
            account_id=account_id,
            cancel_on_disconnect=True,
            acknowledgement=acknowledgement,  # type: ignore[arg-type] # The wire takes the number.
        )

    async def __aenter__(self) -> Self:
        self._channel = grpc.aio.insecure_channel(
            self._address,
            # A stream for each session: they must not share a connection with one that is flooded.
            options=[("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)],
        )
        self.stream = RawStream(self._channel.stream_stream(SESSION)(metadata=bearer(self._key)), _REQUEST_ID_FIELD)
        await self.stream.write(pb.SessionRequest(open=self._open).SerializeToString())
        await self.stream.read()
        self.stream.answers.clear()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stream.close()
        await self._channel.close()

    def check(self) -> None:
        """Read what came back since the last time.

        Raises:
            CommandFailed: the venue refused something.

        """
        for data in self.stream.answers:
            response = pb.SessionResponse.FromString(data)
            refusals = [response.refusal, *(result.refusal for result in response.results)]
            for refusal in refusals:
                if refusal.reason:
                    raise CommandFailed(
                        f"the venue refused an order: {refusal.message} (reason {refusal.reason})",
                        hint="a venue that others use limits commands; without `--dir` and `--address` one is started"
                        " just for this",
                    )
        self.stream.answers.clear()


class Quoting:
    """Requests that place orders and cancel those before them, by ids of their own; ids are all that differs."""

    def __init__(self, order: pb.PlaceOrder, size: int) -> None:
        """Make requests of `size` commands, half places and half cancels; of one command they take turns."""
        self.size = size
        self._half = max(1, size // 2)
        self._ids = _Ids()
        # Placeholders that occur nowhere else, for the ids.
        marks = [secrets.token_bytes(_ID_BYTES * 2) for _ in range(2 * self._half)]
        cancels = [pb.Command(cancel=pb.CancelOrder(client_order_id=mark)) for mark in marks[: self._half]]
        places = []
        for mark in marks[self._half :]:
            place = pb.Command(place=order)
            place.place.client_order_id = mark
            places.append(place)
        if size == 1:
            self._requests = self._in_turns(_Single(places[0], marks[1]), _Single(cancels[0], marks[0]))
        else:
            self._place, self._both = _Template(places, marks[self._half :]), _Template([*cancels, *places], marks)
            self._requests = self._together()

    def __call__(self) -> bytes:
        """Return the next request."""
        return next(self._requests)

    def _in_turns(self, place: "_Single", cancel: "_Single") -> Iterator[bytes]:
        while True:
            client_order_id = self._ids.take_one()
            yield place.filled(self._ids.request_id(), client_order_id)
            yield cancel.filled(self._ids.request_id(), client_order_id)

    def _together(self) -> Iterator[bytes]:
        before = self._ids.take(self._half)
        yield self._place.filled(self._ids.request_id(), before)
        while True:
            ids = self._ids.take(self._half)
            yield self._both.filled(self._ids.request_id(), np.concatenate((before, ids)))
            before = ids


class _Ids:
    """Client order ids that nobody had before, and request ids."""

    def __init__(self) -> None:
        # Its last byte is not zero, for zeros at the end are padding.
        self._suffix_bytes = secrets.token_bytes(_ID_BYTES - 1) + b"\1"
        self._suffix = np.frombuffer(self._suffix_bytes, dtype=np.uint8)
        self._next = 0
        self._request = _FIRST_REQUEST_ID

    def request_id(self) -> int:
        """Return a new request id."""
        self._request += 1
        return self._request

    def take(self, count: int) -> "np.ndarray[Any, np.dtype[np.uint8]]":
        """Return new client order ids, one per row."""
        numbers = np.arange(self._next, self._next + count, dtype="<u8")
        self._next += count
        ids = np.empty((count, 2 * _ID_BYTES), dtype=np.uint8)
        ids[:, :_ID_BYTES] = numbers.view(np.uint8).reshape(count, _ID_BYTES)
        ids[:, _ID_BYTES:] = self._suffix
        return ids

    def take_one(self) -> bytes:
        """Return one new client order id."""
        self._next += 1
        return (self._next - 1).to_bytes(_ID_BYTES, "little") + self._suffix_bytes


def _head(request_id: int) -> bytes:
    return bytes(
        (
            _REQUEST_ID_FIELD,
            request_id & 0x7F | 0x80,
            request_id >> 7 & 0x7F | 0x80,
            request_id >> 14 & 0x7F | 0x80,
            request_id >> 21,
        )
    )


class _Single:
    """A request of one command as bytes, with a gap for its id; it must cost no more than the echo's request does."""

    def __init__(self, command: pb.Command, mark: bytes) -> None:
        self._before, _, self._behind = pb.SessionRequest(commands=[command]).SerializeToString().partition(mark)

    def filled(self, request_id: int, client_order_id: bytes) -> bytes:
        """Return the request with this id."""
        return b"".join((_head(request_id), self._before, client_order_id, self._behind))


class _Template:
    """The commands of a request as bytes, and where in them the ids stand."""

    def __init__(self, commands: list[pb.Command], marks: list[bytes]) -> None:
        data = pb.SessionRequest(commands=commands).SerializeToString()
        self._bytes = np.frombuffer(data, dtype=np.uint8)
        places = np.array([data.index(mark) for mark in marks])
        self._where = places[:, None] + np.arange(2 * _ID_BYTES)

    def filled(self, request_id: int, ids: "np.ndarray[Any, np.dtype[np.uint8]]") -> bytes:
        """Return the request with these ids."""
        data = self._bytes.copy()
        data[self._where] = ids
        return _head(request_id) + data.tobytes()


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, user and system; 0 where the kernel does not say."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as source:  # noqa: PTH123 - the kernel's file, in a hot loop.
            # The name in brackets may hold blanks; user and system time are fields 14 and 15.
            fields = source.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
