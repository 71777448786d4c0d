"""The engine: commands in, events and results out; the one door to a shard's books, orders and credit.

It decides nothing by clock, chance or address: the same inputs give byte-same events (MTCH-090). Its state is what its
events leave behind (`shard`), its checks stand in `acceptance`, its trades in `matching`, its commands in `placement`,
`cancellation` and `amendment`, clearing's wishes in `requests`. A batch crosses as one byte string each way; inside,
nothing touches a Python object per order.
"""

from array import array
from hashlib import blake2b

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy, memset

from wavetank.matching.core.acceptance cimport refuse
from wavetank.matching.core.accounts cimport Account, CreditLine
from wavetank.matching.core.amendment cimport amend
from wavetank.matching.core.auction cimport Uncrossing, uncrossing_of
from wavetank.matching.core.batches cimport atomic, place_group
from wavetank.matching.core.book cimport Book, Books, Level, TouchedLevel
from wavetank.matching.core.cancellation cimport cancel_all, cancel_disconnected, cancel_one
from wavetank.matching.core.deadlines cimport cancel_all_after, enter
from wavetank.matching.core.dry_run cimport check_place
from wavetank.matching.core.firing cimport fire_triggers
from wavetank.matching.core.lookahead cimport Outlook, begin_outlook
from wavetank.matching.core.orders cimport Order
from wavetank.matching.core.placement cimport place, reject
from wavetank.matching.core.plain cimport carry_out_run
from wavetank.matching.core.quotes cimport mass_quote
from wavetank.matching.core.records cimport (
    BOOK_SAMPLED,
    CREDIT_APPLIED,
    FEE_RATES_APPLIED,
    GATE_MOVED,
    MARK_APPLIED,
    ORDERING_CHANGED,
    RECORD_BYTES,
    VENUE_FAULT_ENDED,
    BookSampled,
    ClientId,
    CreditApplied,
    FeeRatesApplied,
    GateMoved,
    MarkApplied,
    Record,
)
from wavetank.matching.core.recovery cimport replay_records
from wavetank.matching.core.requests cimport carry_out
from wavetank.matching.core.snapshot cimport load, logical_state, save
from wavetank.matching.core.states cimport move_instrument
from wavetank.matching.core.views cimport known_order, queue_position, resting_orders
from wavetank.matching.core.words cimport (
    AMEND,
    ATOMIC,
    BUY,
    CANCEL,
    CANCEL_ACCOUNT,
    CANCEL_ALL,
    CANCEL_ALL_AFTER,
    CANCEL_DISCONNECTED,
    LIQUIDATE,
    MALFORMED,
    MASS_QUOTE,
    NO_LINE,
    PLACE,
    PLACE_GROUP,
    PRICE_LIMIT,
    SELL,
    SETTLED,
    TRADING,
    TRANSFER,
)

from wavetank.matching.core.credit import LedgersDisagree
from wavetank.matching.core.queries import CreditState


cdef class Engine:
    """One shard.

    Args:
        shard: its index, 0 to 1,000; stands in its order and trade ids.
        settings: an `EngineSettings`.

    """

    def __cinit__(self, int shard=0, settings=None):
        if settings is not None:
            if not 0 <= shard <= 1_000:
                raise ValueError(f"a shard's index is 0 to 1000, not {shard}")
            self.state = Shard(shard, settings)

    def list_instrument(self, instrument):
        """List an instrument, or take over a changed listing; its state as long as nobody has moved it (MTCH-050).

        Raises:
            ValueError: a bound is out of range, or what open orders rest on would change.

        """
        self.state.books.put(instrument)
        self.state.accounts.relist(self.state.books.find(instrument.instrument_id))

    def apply_mark(
        self, int64_t now_ns, int32_t instrument_id, int64_t mark_ticks, int64_t index_ticks,
        int64_t index_time_ns, int64_t oracle_seq, bint stale,
    ):
        """Take over a mark price; emits MarkApplied.

        Raises:
            ValueError: the instrument is not listed here, or the price is not positive.

        """
        cdef int32_t at = self.state.books.find(instrument_id)
        cdef MarkApplied* event
        if at < 0:
            raise ValueError(f"instrument {instrument_id} is not listed here")
        if not 1 <= mark_ticks <= PRICE_LIMIT:
            raise ValueError(f"instrument {instrument_id}: mark {mark_ticks}, allowed are 1 to {PRICE_LIMIT}")
        enter(self.state, now_ns)
        self.state.books.set_mark(at, mark_ticks, index_ticks, index_time_ns, stale)
        if self.state.book(at).watchers:
            self.state.triggers.note(at)
        self.state.accounts.reprice(at)
        event = <MarkApplied*>self.state.journal.write(MARK_APPLIED, instrument_id, 0)
        event.mark_price_ticks = mark_ticks
        event.index_price_ticks = index_ticks
        event.index_time_ns = index_time_ns
        event.oracle_seq = oracle_seq
        event.event_time_ns = now_ns
        event.stale = stale
        fire_triggers(self.state)

    def apply_credit(self, int64_t now_ns, line):
        """Take over a credit line; return False for one not newer (R4).

        Emits FeeRatesApplied if it brings other rates (FEE-010), and CreditApplied when it asks for it.

        Raises:
            LedgersDisagree: the line counts more than the log holds, or counts it differently (R4).
            ValueError: a rate or a row is out of range, or a row of an instrument not listed here.

        """
        cdef Shard shard = self.state
        cdef CreditLine told
        cdef CreditApplied* event
        shard.accounts.read_line(line, &told)
        cdef int32_t account = shard.accounts.find(told.account_id)
        enter(shard, now_ns)
        if account >= 0 and not shard.accounts.is_newer(account, told.epoch, told.number):
            return False
        if told.as_of_seq >= shard.journal.next_seq:
            raise LedgersDisagree(
                f"account {told.account_id}: the line counts up to seq {told.as_of_seq}, "
                f"the log ends at {shard.journal.next_seq - 1}"
            )
        shard.accounts.check_line(&told, line)
        shard.accounts.compare_line(account, &told)
        account = shard.accounts.ensure(told.account_id)
        shard.accounts.put_line(account, &told, line)
        self._take_rates(account, told.taker_ppm, told.maker_ppm)
        if line.acknowledge:
            event = <CreditApplied*>shard.journal.write(CREDIT_APPLIED, 0, told.account_id)
            event.line_epoch = told.epoch
            event.line_number = told.number
            event.committed_micros = shard.accounts.committed(account)
            shard.accounts.slots[account].floor_epoch = <int32_t>told.epoch
            shard.accounts.slots[account].floor_number = told.number
        return True

    cdef int _take_rates(self, int32_t account, int64_t taker_ppm, int64_t maker_ppm) except -1:
        """Take over an account's own rates; emits FeeRatesApplied if they are others (FEE-010)."""
        cdef Shard shard = self.state
        cdef Account* of = &shard.accounts.slots[account]
        cdef FeeRatesApplied* event
        if of.taker_ppm == taker_ppm and of.maker_ppm == maker_ppm:
            return 0
        shard.set_rates(account, taker_ppm, maker_ppm)
        event = <FeeRatesApplied*>shard.journal.write(FEE_RATES_APPLIED, 0, of.account_id)
        event.taker_fee_ppm = taker_ppm
        event.maker_fee_ppm = maker_ppm
        return 0

    def set_gate(self, int64_t now_ns, bint is_open):
        """Open or close the shard for new orders (LIQ-110); a new shard is closed. Emits GateMoved if it moves."""
        cdef GateMoved* event
        enter(self.state, now_ns)
        if is_open != self.state.is_open:
            self.state.is_open = is_open
            event = <GateMoved*>self.state.journal.write(GATE_MOVED, 0, 0)
            event.is_open = is_open
            self._look_at_all()
            fire_triggers(self.state)

    cdef int _look_at_all(self) except -1:
        cdef int32_t at
        for at in self.state.books.by_instrument:
            if self.state.book(at).watchers:
                self.state.triggers.note(at)
        return 0

    def set_instrument_state(self, int64_t now_ns, instrument_id, uint8_t state):
        """Bring an instrument into another state (MTCH-050); emits InstrumentMoved and what it causes, if it moves.

        Raises:
            ValueError: the instrument is not listed here or settled, or there is no such state.

        """
        cdef int32_t at = self._listed(instrument_id)
        if not TRADING <= state <= SETTLED:
            raise ValueError(f"instrument {instrument_id}: there is no state {state}")
        if self.state.book(at).state == SETTLED and state != SETTLED:
            raise ValueError(f"instrument {instrument_id} is settled, for good")
        enter(self.state, now_ns)
        move_instrument(self.state, at, state)
        fire_triggers(self.state)

    def note(self, int64_t now_ns, bytes records):
        """Write events of the service around the engine into its journal; they change nothing here.

        Raises:
            ValueError: these are no whole records of the kinds that are noted.

        """
        cdef const char* data = records
        cdef Py_ssize_t offset
        cdef Record* record
        cdef Record* written
        if len(records) % RECORD_BYTES:
            raise ValueError(f"{len(records)} bytes are no whole number of records")
        enter(self.state, now_ns)
        for offset in range(0, len(records), RECORD_BYTES):
            record = <Record*>(data + offset)
            if not ORDERING_CHANGED <= record.kind <= VENUE_FAULT_ENDED:
                raise ValueError(f"events of kind {record.kind} are not noted")
            written = <Record*>self.state.journal.write(record.kind, record.instrument_id, record.account_id)
            memcpy(written, record, RECORD_BYTES)

    def drain_notes(self):
        """Return, and forget, the noted events that were replayed since the last drain, as records."""
        cdef bytes notes = b"".join(self.state.notes)
        self.state.notes.clear()
        return notes

    def apply_commands(self, int64_t now_ns, bytes commands, Py_ssize_t count):
        """Apply packed commands in order; return the events of this call.

        Results stand in `results`, and in `command_ends` how many events each command had behind it.

        Raises:
            ValueError: the bytes are not `count` commands.
            RuntimeError: events of other calls wait to be drained, and would end up behind these.

        """
        cdef Shard shard = self.state
        cdef Command* first = <Command*><char*>commands
        cdef Py_ssize_t index = 0
        cdef Py_ssize_t after
        cdef Outlook outlook
        if len(commands) != count * <Py_ssize_t>sizeof(Command):
            raise ValueError(f"{len(commands)} bytes are not {count} commands of {sizeof(Command)}")
        if shard.journal.count:
            raise RuntimeError("drain the events of earlier calls first: they come before those of the commands")
        enter(shard, now_ns)
        self.last_results.resize(count)
        self.last_ends.resize(count)
        begin_outlook(&outlook)
        while True:
            index = carry_out_run(
                shard, &outlook, first, index, count, self.last_results.data(), self.last_ends.data()
            )
            if index == count:
                return shard.journal.take()
            after = index + self.handle(first + index, count - index, &self.last_results[index])
            fire_triggers(shard)
            while index < after:
                self.last_ends[index] = <int32_t>shard.journal.count
                index += 1

    cdef Py_ssize_t handle(self, Command* command, Py_ssize_t left, Result* result) except -1:
        """Carry out the next command of a batch, which has `left` of them; return how many it was with its members."""
        cdef uint8_t kind = command.kind
        memset(result, 0, sizeof(Result))
        if kind == PLACE:
            place(self.state, command, result)
        elif kind == CANCEL:
            cancel_one(self.state, command, result)
        elif kind == AMEND:
            amend(self.state, command, result)
        elif kind == CANCEL_ALL:
            cancel_all(self.state, command, result)
        elif kind == CANCEL_ALL_AFTER:
            cancel_all_after(self.state, command, result)
        elif kind == CANCEL_DISCONNECTED:
            cancel_disconnected(self.state, result)
        elif kind == PLACE_GROUP or kind == MASS_QUOTE or kind == ATOMIC:
            return self.handle_several(command, left, result)
        elif kind == LIQUIDATE or kind == CANCEL_ACCOUNT or kind == TRANSFER:
            carry_out(self.state, command, result)
        else:
            self.refuse_kind(command, result)
        return 1

    cdef Py_ssize_t handle_several(self, Command* head, Py_ssize_t left, Result* results) except -1:
        """Carry out a head with the commands that belong to it; one that names more than there are stands alone."""
        cdef Refusal refusal
        if head.count >= left:
            refuse(&refusal, MALFORMED, 0, 0)
            reject(self.state, head, results, &refusal)
            return 1
        memset(results + 1, 0, max(head.count, 0) * sizeof(Result))
        if head.kind == MASS_QUOTE:
            mass_quote(self.state, head, results)
        elif head.kind == PLACE_GROUP:
            place_group(self.state, head, results)
        else:
            atomic(self.state, head, results)
        return 1 + max(head.count, 0)

    cdef int refuse_kind(self, Command* command, Result* result) except -1:
        cdef Refusal refusal
        refuse(&refusal, MALFORMED, command.kind, 0)
        return reject(self.state, command, result, &refusal)

    def advance(self, int64_t now_ns):
        """Let time pass: what is due by `now_ns` happens (ORD-010, ORD-020).

        Raises:
            ValueError: time went back.

        """
        enter(self.state, now_ns)

    @property
    def next_deadline_ns(self):
        """Time at which the next order expires or the next dead-man switch fires; 0 for none."""
        return self.state.timers.first_ns()

    def check_place(self, int64_t now_ns, bytes command):
        """Return what would become of a packed PLACE now, as an `OrderCheck`; nothing changes (ORD-050).

        Raises:
            ValueError: the bytes are no command.

        """
        cdef const char* data = command
        if len(command) != sizeof(Command) or (<Command*>data).kind != PLACE:
            raise ValueError("these bytes are not one PLACE")
        return check_place(self.state, now_ns, <Command*>data)

    def sample_books(self, int64_t now_ns):
        """Emit BookSampled for each instrument, by instrument id."""
        cdef Books books = self.state.books
        cdef Book* book
        cdef BookSampled* event
        cdef int32_t at
        cdef int64_t band = self.state.settings.depth_band_ppm
        enter(self.state, now_ns)
        for at in books.by_instrument:
            book = self.state.book(at)
            event = <BookSampled*>self.state.journal.write(BOOK_SAMPLED, book.instrument_id, 0)
            if book.best[BUY] >= 0:
                event.bid_price_ticks = books.levels[book.best[BUY]].price_ticks
                event.bid_size_lots = books.levels[book.best[BUY]].total_lots
            if book.best[SELL] >= 0:
                event.ask_price_ticks = books.levels[book.best[SELL]].price_ticks
                event.ask_size_lots = books.levels[book.best[SELL]].total_lots
            event.last_price_ticks = book.last_price_ticks
            event.impact_bid_e6 = books.impact_price_e6(at, BUY)
            event.impact_ask_e6 = books.impact_price_e6(at, SELL)
            if book.mark_ticks:
                event.bid_depth_lots = books.depth_lots(at, BUY, band)
                event.ask_depth_lots = books.depth_lots(at, SELL, band)
            event.open_interest_lots = book.open_interest_lots
            event.sample_time_ns = now_ns

    def drain_events(self):
        """Return, and forget, the events of all calls but `apply_commands` since the last drain."""
        return self.state.journal.take()

    def drain_level_updates(self):
        """Return the levels that changed since the last drain as they are now, by instrument, side and price.

        Each is (instrument_id, side, price_ticks, total_lots, order_count), zeros for a level that is gone.
        """
        cdef Books books = self.state.books
        cdef TouchedLevel note
        cdef Level* level
        cdef int32_t book, at
        updates = []
        for book in books.by_instrument:
            if books.touched[book].empty():
                continue
            seen = set()
            for note in books.touched[book]:
                seen.add((note.side, note.price_ticks))
            books.touched[book].clear()
            instrument_id = books.slots[book].instrument_id
            for side, price_ticks in sorted(seen):
                at = books.level_at(book, side, price_ticks)
                if at < 0:
                    updates.append((instrument_id, side, price_ticks, 0, 0))
                    continue
                level = &books.levels[at]
                level.is_touched = False
                updates.append((instrument_id, side, price_ticks, level.total_lots, level.order_count))
        return updates

    @property
    def track_levels(self):
        """Whether changed levels are gathered for `drain_level_updates`; set anew, it begins with none."""
        return bool(self.state.books.track_levels)

    @track_levels.setter
    def track_levels(self, bint track_levels):
        self.state.books.track(track_levels)

    @property
    def results(self):
        """Results of the last `apply_commands`, packed as `commands.unpack_results` reads them."""
        if self.last_results.empty():
            return b""
        return (<char*>self.last_results.data())[: self.last_results.size() * sizeof(Result)]

    @property
    def command_ends(self):
        """For each command of the last `apply_commands`, the events up to its end, as a memoryview of int32."""
        cdef int32_t end
        return memoryview(array("i", [end for end in self.last_ends]))

    def replay(self, bytes records, int64_t first_seq, int64_t now_ns):
        """Apply the events of one entry of the shard's own log.

        Raises:
            ValueError: they do not follow the last event, or do not fit the state.

        """
        cdef Books books = self.state.books
        cdef bint track_levels = books.track_levels
        # Nobody is shown what was done long ago.
        books.track(False)
        try:
            replay_records(self.state, records, first_seq, now_ns)
        finally:
            books.track(track_levels)

    def snapshot(self):
        """Return the state as bytes.

        Raises:
            RuntimeError: events wait to be drained.

        """
        return save(self.state)

    @classmethod
    def restore(cls, data, settings):
        """Return the engine that a snapshot holds; settings are those that it ran under.

        Raises:
            ValueError: the bytes are no snapshot of this version, or were damaged.

        """
        cdef Engine engine = cls.__new__(cls)
        engine.state = load(data, settings)
        engine.state.books.track(engine.state.books.track_levels)
        return engine

    def state_hash(self):
        """Return 32 bytes over the logical state in its stated order (INV-100); credit lines are not part of it."""
        return blake2b(logical_state(self.state), digest_size=32).digest()

    @property
    def shard(self):
        """Index of the shard."""
        return self.state.number

    @property
    def next_seq(self):
        """Seq of the next event."""
        return self.state.journal.next_seq

    @property
    def now_ns(self):
        """Time of the last input."""
        return self.state.now_ns

    @property
    def is_open(self):
        """Whether the gate is open (LIQ-110)."""
        return self.state.is_open

    @property
    def last_request(self):
        """Id (seq, number) of clearing's last request that was carried out."""
        return self.state.request_seq, self.state.request_number

    def instruments(self):
        """Return the listed instruments, by id."""
        cdef int32_t at
        return [self.state.books.instruments[at] for at in self.state.books.by_instrument]

    def accounts(self):
        """Return the ids of the accounts known here, in order."""
        cdef Account account
        return sorted([account.account_id for account in self.state.accounts.slots])

    def order(self, int64_t order_id=0, int64_t account_id=0, bytes client_order_id=b""):
        """Return an order by either id, or None: open, or remembered since it had a client order id (ORD-030)."""
        cdef int32_t index = -1
        cdef int32_t account
        cdef ClientId client_id
        if order_id:
            index = self.state.orders.find_known(order_id)
        elif 0 < len(client_order_id) <= 16:
            account = self.state.accounts.find(account_id)
            padded = client_order_id.ljust(16, b"\0")
            memcpy(&client_id, <const char*>padded, 16)
            if account >= 0 and client_order_id.strip(b"\0"):
                index = self.state.orders.find_client(account, &client_id)
        return known_order(self.state, index) if index >= 0 else None

    def open_orders(self, int64_t account_id, int32_t instrument_id=0):
        """Return the account's open orders, of one instrument unless 0, by order id."""
        cdef int32_t account = self.state.accounts.find(account_id)
        cdef int32_t index = self.state.accounts.slots[account].first_order if account >= 0 else -1
        found = []
        while index >= 0:
            if instrument_id in (0, self.state.book_of(&self.state.orders.slots[index]).instrument_id):
                found.append(known_order(self.state, index))
            index = self.state.orders.slots[index].account_next
        return found

    def open_lots(self, int64_t account_id, int32_t instrument_id, uint8_t side):
        """Return what the account's open orders on one side of an instrument still have to trade."""
        cdef int32_t account = self.state.accounts.find(account_id)
        cdef int32_t index = self.state.accounts.slots[account].first_order if account >= 0 else -1
        cdef Order* order
        cdef int64_t lots = 0
        while index >= 0:
            order = &self.state.orders.slots[index]
            if order.side == side and self.state.book_of(order).instrument_id == instrument_id:
                lots += order.remaining_lots
            index = order.account_next
        return lots

    cdef int32_t _listed(self, instrument_id) except -1:
        cdef int32_t at = self.state.books.find(instrument_id)
        if at < 0:
            raise ValueError(f"instrument {instrument_id} is not listed here")
        return at

    def book(self, instrument_id, Py_ssize_t depth):
        """Return bids and asks, best first, at most `depth` levels each: (price_ticks, total_lots, order_count).

        Raises:
            ValueError: the instrument is not listed here; so in all questions below.

        """
        cdef Book* book = self.state.book(self._listed(instrument_id))
        cdef Level* level
        cdef int32_t at
        sides = []
        for at in (book.best[BUY], book.best[SELL]):
            levels = []
            while at >= 0 and len(levels) < depth:
                level = &self.state.books.levels[at]
                levels.append((level.price_ticks, level.total_lots, level.order_count))
                at = level.worse
            sides.append(levels)
        return sides[0], sides[1]

    def bbo(self, instrument_id):
        """Return best bid, its lots, best ask, its lots; zeros for an empty side."""
        cdef Book* book = self.state.book(self._listed(instrument_id))
        bid_ticks, bid_lots = self._total_at(book.best[BUY])
        ask_ticks, ask_lots = self._total_at(book.best[SELL])
        return bid_ticks, bid_lots, ask_ticks, ask_lots

    cdef (int64_t, int64_t) _total_at(self, int32_t level) noexcept:
        """Return price and lots of a level; zeros for none."""
        if level < 0:
            return 0, 0
        return self.state.books.levels[level].price_ticks, self.state.books.levels[level].total_lots

    def queue(self, instrument_id, uint8_t side, int64_t price_ticks):
        """Return the order ids at a price, oldest first (MTCH-070)."""
        cdef int32_t book = self._listed(instrument_id)
        cdef int32_t at = -1
        cdef int32_t index
        if side in (BUY, SELL) and 1 <= price_ticks <= PRICE_LIMIT:
            at = self.state.books.level_at(book, side, <int32_t>price_ticks)
        index = self.state.books.levels[at].first if at >= 0 else -1
        found = []
        while index >= 0:
            found.append(self.state.orders.slots[index].order_id)
            index = self.state.orders.slots[index].next
        return found

    def queue_position(self, int64_t order_id):
        """Return the lots shown and the orders ahead of a resting order at its price; None if it does not rest."""
        return queue_position(self.state, order_id)

    def resting_orders(self, instrument_id):
        """Return a book's orders as packed records of 56 bytes: bids, then asks, best price first, oldest first.

        Each is `<qqqqqqB7x`: order_id, account_id, price_ticks, visible_lots, remaining_lots, display_lots (0 for no
        iceberg), side.
        """
        return resting_orders(self.state, self._listed(instrument_id))

    def mark(self, instrument_id):
        """Return mark and index price in ticks, 0 before the first, and whether they are stale."""
        cdef Book* book = self.state.book(self._listed(instrument_id))
        return book.mark_ticks, book.index_ticks, bool(self.state.is_stale(book))

    def last_price(self, instrument_id):
        """Return the price of the last trade in ticks, or 0."""
        return self.state.book(self._listed(instrument_id)).last_price_ticks

    def instrument_state(self, instrument_id):
        """Return the instrument's present state: the listing's, until it was moved (MTCH-050)."""
        return self.state.book(self._listed(instrument_id)).state

    def indicative(self, instrument_id):
        """Return price, lots and surplus at which a crossed book would trade now (MTCH-050); zeros if not crossed."""
        cdef Uncrossing found = uncrossing_of(self.state, self._listed(instrument_id))
        return found.price_ticks, found.matched_lots, found.surplus_lots

    def open_interest(self, instrument_id):
        """Return the lots of all longs (INV-020)."""
        return self.state.book(self._listed(instrument_id)).open_interest_lots

    def position(self, int64_t account_id, instrument_id):
        """Return the account's signed lots."""
        cdef int32_t account = self.state.accounts.find(account_id)
        cdef int32_t holding = -1
        cdef int32_t book = self._listed(instrument_id)
        if account >= 0:
            holding = self.state.accounts.find_holding(account, book)
        return self.state.accounts.holdings[holding].lots if holding >= 0 else 0

    def committed(self, int64_t account_id):
        """Return W, what the account commits here (R6), in micro-dollars."""
        cdef int32_t account = self.state.accounts.find(account_id)
        return self.state.accounts.committed(account) if account >= 0 else 0

    def slack(self, int64_t account_id):
        """Return what the account can still commit for certain, in micro-dollars; 0 where nobody has worked it out."""
        cdef int32_t account = self.state.accounts.find(account_id)
        return self.state.accounts.slots[account].slack if account >= 0 else 0

    def credit(self, int64_t account_id):
        """Return how the account stands, or None if it is not known here."""
        cdef int32_t index = self.state.accounts.find(account_id)
        cdef Account* account
        if index < 0:
            return None
        self.state.accounts.settle(index)
        account = &self.state.accounts.slots[index]
        return CreditState(
            account.status != NO_LINE, account.status, account.budget, self.state.accounts.uncounted(index),
            account.committed, <int64_t>account.value, <int64_t>account.fees, account.last_fill_seq,
            account.open_orders,
        )
