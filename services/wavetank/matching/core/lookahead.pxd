"""Looking ahead in a batch: what a later command will read is fetched while an earlier one is worked on.

With accounts and orders by the thousand most of what a command reads is in no near cache, and each line depends on the
one before it: account, holding; order, its neighbours. One step of each chain is taken per command in between, and
where the tables of ids led to is kept for the command itself. Nothing is decided here: a guess is compared with the
command before it is used, and a wrong one costs a search.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memset

from wavetank.matching.core.accounts cimport Account, Holding, account_tag
from wavetank.matching.core.orders cimport Order
from wavetank.matching.core.records cimport Command
from wavetank.matching.core.shard cimport Shard

cdef extern from *:
    void fetch "__builtin_prefetch"(const void* line) noexcept

cdef enum:
    # How many commands ahead each step is taken.
    TO_SLOTS = 5
    TO_NEIGHBOURS = 2
    # A power of two above all of them.
    GUESSES = 8

# Where a command's account and order probably stand; -1 for unknown.
cdef struct Guess:
    int32_t account
    int32_t order

# Of the commands that are looked at, each by the last bits of its place in the batch.
cdef struct Outlook:
    Guess guesses[GUESSES]

cdef inline void begin_outlook(Outlook* outlook) noexcept:
    memset(outlook, 0xFF, sizeof(Outlook))

cdef inline Guess* guess_of(Outlook* outlook, Py_ssize_t index) noexcept:
    return &outlook.guesses[index & (GUESSES - 1)]

cdef inline void fetch_slots(Shard shard, Command* command, Guess* guess) noexcept:
    """Guess where account and order stand, and fetch them."""
    cdef Account* account
    guess.account = shard.accounts.by_id.guess(account_tag(command.account_id))
    # Asked for a new order too, whose id of 0 is in no table.
    guess.order = shard.orders.by_id.guess(<uint32_t>command.order_id)
    # -1 stands for none, and the first is fetched for it; so it is below.
    account = shard.accounts.slots.data() + (guess.account & ~(guess.account >> 31))
    fetch(account)
    fetch(&account.last_order)
    fetch_order(shard, guess.order)

cdef inline void fetch_neighbours(Shard shard, Guess* guess) noexcept:
    """Fetch the holding, and the orders that stand beside the one that comes or goes."""
    cdef Account* account
    cdef Order* order
    if guess.order >= 0:
        order = &shard.orders.slots[guess.order]
        fetch(&shard.orders.pasts[guess.order])
        fetch_holding(shard, order.holding)
        fetch_order(shard, order.next)
        fetch_order(shard, order.previous)
        fetch_order(shard, order.account_next)
        fetch_order(shard, order.account_previous)
    elif guess.account >= 0:
        account = &shard.accounts.slots[guess.account]
        fetch_holding(shard, account.first_holding)
        fetch_order(shard, account.last_order)

cdef inline void fetch_order(Shard shard, int32_t index) noexcept:
    fetch(shard.orders.slots.data() + (index & ~(index >> 31)))

cdef inline void fetch_holding(Shard shard, int32_t index) noexcept:
    cdef Holding* holding = shard.accounts.holdings.data() + (index & ~(index >> 31))
    fetch(holding)
    fetch(&holding.account_id)

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

cdef inline void look_ahead(
    Shard shard, Outlook* outlook, Command* commands, Py_ssize_t index, Py_ssize_t count
) noexcept:
    """Fetch what the commands behind the one at `index` will read; the batch has `count` of them."""
    if index + TO_NEIGHBOURS >= count:
        return
    fetch_neighbours(shard, guess_of(outlook, index + TO_NEIGHBOURS))
    if index + TO_SLOTS < count:
        fetch_slots(shard, commands + index + TO_SLOTS, guess_of(outlook, index + TO_SLOTS))
