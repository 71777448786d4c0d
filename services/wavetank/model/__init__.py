"""The words of the trade: ids, units, instruments, orders, events. Pure, and imported by every core."""
