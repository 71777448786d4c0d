"""A session stream as a bot holds it: commands go up, each with a number, and its answer is waited for by number.

Own order events come down between the answers. They are counted, and their seq must not go back: a load test that only
measures speed would not notice a venue that answers fast and wrong.
"""

import gevent
import grpc
from gevent.event import AsyncResult
from gevent.queue import Queue
from loadtest.calls import TIMEOUT_SECONDS, authorization
from loadtest.outcomes import TALLY

from wavetank.v1 import order_entry_pb2, order_entry_pb2_grpc

_OPENING = 0


class SessionClosed(grpc.RpcError):
    """The session ended; the message says how."""


class OrderSession:
    """One open session; call `close` when done."""

    def __init__(self, matching: grpc.Channel, key: str) -> None:
        self._outgoing = Queue()
        self._answers: dict[int, AsyncResult] = {_OPENING: AsyncResult()}
        self._next_request = 1
        self._seq = 0
        self.ended: BaseException | None = None
        """Why the session ended; nothing while it lives."""
        self._stream = order_entry_pb2_grpc.OrderEntryServiceStub(matching).Session(
            iter(self._outgoing.get, None), metadata=authorization(key)
        )
        self._reader = gevent.spawn(self._read)

    def open(self) -> order_entry_pb2.SessionResponse:
        """Open the session; its orders are cancelled when it ends.

        Raises:
            grpc.RpcError: the venue refused it, or the stream broke.
            gevent.Timeout: no answer in time.

        """
        self._outgoing.put(order_entry_pb2.SessionRequest(open=order_entry_pb2.SessionOpen(cancel_on_disconnect=True)))
        return self._answer(_OPENING)

    def send(self, *commands: order_entry_pb2.Command) -> order_entry_pb2.SessionResponse:
        """Send commands as one message and return their results, one per command.

        Raises:
            grpc.RpcError: the stream broke.
            gevent.Timeout: no answer in time.

        """
        if self.ended is not None:
            raise SessionClosed(f"the session has ended: {self.ended!r}")
        request_id = self._next_request
        self._next_request += 1
        self._answers[request_id] = AsyncResult()
        self._outgoing.put(order_entry_pb2.SessionRequest(request_id=request_id, commands=commands))
        return self._answer(request_id)

    def close(self) -> None:
        """End the session and what reads it."""
        self._outgoing.put(None)
        self._stream.cancel()
        self._reader.kill()

    def _answer(self, request_id: int) -> order_entry_pb2.SessionResponse:
        try:
            answer: order_entry_pb2.SessionResponse = self._answers[request_id].get(timeout=TIMEOUT_SECONDS)
        finally:
            del self._answers[request_id]
        return answer

    def _read(self) -> None:
        ended: BaseException = SessionClosed("the venue ended the stream")
        try:
            for response in self._stream:
                self._take(response)
        except grpc.RpcError as error:
            ended = error
        except SeqWentBack as error:
            ended = error
            self._stream.cancel()
        self.ended = ended
        for waiting in self._answers.values():
            waiting.set_exception(ended)

    def _take(self, response: order_entry_pb2.SessionResponse) -> None:
        for event in response.events:
            if event.seq < self._seq:
                raise SeqWentBack(f"own event {event.seq} came after {self._seq}")
            self._seq = event.seq
        TALLY["session events"] += len(response.events)
        if response.HasField("opened"):
            waiting = self._answers.get(_OPENING)
        else:
            waiting = self._answers.get(response.request_id) if response.request_id else None
        # An answer that nobody waits for any more came too late, and was reported when the wait ended.
        if waiting is not None:
            waiting.set(response)


class SeqWentBack(grpc.RpcError):
    """An event came out of the log's order."""
