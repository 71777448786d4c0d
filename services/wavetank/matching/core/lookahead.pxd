"""Looking ahead in a batch: what a later command will read is fetched while an earlier one is worked on.

With accounts and orders by the thousand most of what a command reads is in no near cache, and each line depends on the
one before it: table, account, holding; table, order, its neighbours. One step of each chain is fetched per command in
between. Nothing is decided here: a guess that turns out wrong costs a fetch.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t

from wavetank.matching.core.accounts cimport Account, account_tag
from wavetank.matching.core.orders cimport Order
from wavetank.matching.core.records cimport Command
from wavetank.matching.core.shard cimport Shard
from wavetank.matching.core.words cimport PLACE

cdef extern from *:
    void fetch "__builtin_prefetch"(const void* line) noexcept

cdef enum:
    # How many commands ahead each step is taken.
    TO_COMMAND = 12
    TO_TABLES = 8
    TO_SLOTS = 5
    TO_NEIGHBOURS = 2

cdef inline uint32_t account_home(Shard shard, int64_t account_id) noexcept:
    return shard.accounts.by_id.home(account_tag(account_id))

cdef inline void fetch_tables(Shard shard, Command* command) noexcept:
    """Fetch the table entries of the command's account and order."""
    cdef int64_t order_id = command.order_id
    if command.kind == PLACE:
        # Its id will be about this one.
        order_id = shard.order_counter + TO_TABLES
    fetch(&shard.orders.by_id.entries[shard.orders.by_id.home(<uint32_t>order_id)])
    fetch(&shard.accounts.by_id.entries[account_home(shard, command.account_id)])

cdef inline void fetch_slots(Shard shard, Command* command) noexcept:
    """Fetch the account and the order themselves."""
    cdef int32_t index = shard.accounts.by_id.entries[account_home(shard, command.account_id)].slot
    if index >= 0:
        fetch(&shard.accounts.slots[index])
        if command.kind == PLACE:
            fetch(&shard.accounts.slots[index].budget)
    if command.order_id != 0:
        index = shard.orders.by_id.entries[shard.orders.by_id.home(<uint32_t>command.order_id)].slot
        if index >= 0:
            fetch(&shard.orders.slots[index])

cdef inline void fetch_neighbours(Shard shard, Command* command) noexcept:
    """Fetch the holding, and the orders that stand beside the one that comes or goes."""
    cdef int32_t index
    cdef Account* account
    cdef Order* order
    if command.order_id != 0:
        index = shard.orders.by_id.entries[shard.orders.by_id.home(<uint32_t>command.order_id)].slot
        if index < 0:
            return
        order = &shard.orders.slots[index]
        fetch(&shard.orders.pasts[index])
        fetch_holding(shard, order.holding)
        fetch_order(shard, order.next)
        fetch_order(shard, order.previous)
        fetch_order(shard, order.account_next)
        fetch_order(shard, order.account_previous)
        return
    index = shard.accounts.by_id.entries[account_home(shard, command.account_id)].slot
    if index >= 0:
        account = &shard.accounts.slots[index]
        fetch_holding(shard, account.first_holding)
        fetch_order(shard, account.last_order)

cdef inline void fetch_order(Shard shard, int32_t index) noexcept:
    if index >= 0:
        fetch(&shard.orders.slots[index])

cdef inline void fetch_holding(Shard shard, int32_t index) noexcept:
    if index >= 0:
        fetch(&shard.accounts.holdings[index])
        fetch(&shard.accounts.holdings[index].account_id)

cdef inline void fetch_queue(Shard shard, Order* order) noexcept:
    """Fetch what trading with the orders behind this one will read: they are the next to trade.

    Of each more than of the one behind it, as its own line has come by then.
    """
    cdef Order* behind
    if order.next < 0:
        return
    behind = &shard.orders.slots[order.next]
    fetch(&shard.orders.by_id.entries[shard.orders.by_id.home(<uint32_t>behind.order_id)])
    fetch(&shard.accounts.slots[shard.accounts.holdings[behind.holding].account])
    fetch_order(shard, behind.account_next)
    fetch_order(shard, behind.account_previous)
    if behind.next < 0:
        return
    behind = &shard.orders.slots[behind.next]
    fetch_holding(shard, behind.holding)
    fetch_order(shard, behind.next)

cdef inline void look_ahead(Shard shard, Command* command, Py_ssize_t left) noexcept:
    """Fetch what the commands behind this one will read; `left` of them are left, this one included."""
    if left <= TO_NEIGHBOURS:
        return
    fetch_neighbours(shard, command + TO_NEIGHBOURS)
    if left <= TO_SLOTS:
        return
    fetch_slots(shard, command + TO_SLOTS)
    if left <= TO_TABLES:
        return
    fetch_tables(shard, command + TO_TABLES)
    if left > TO_COMMAND:
        fetch(command + TO_COMMAND)
        fetch(&command[TO_COMMAND].price_ticks)
