"""The words of the trade: ids, units, instruments, orders and events, pure and shared by every core."""
