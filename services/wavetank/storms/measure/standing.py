"""How accounts stand over time: how long in trouble, how long unhedged, and what the backstop vault has lost.

It exists beside the ledger because these are stories, not sums: each begins with an event and ends with another.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wavetank.clearing.core.health import HealthBand
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.storms.measure.accounts import Accounts, Holder
from wavetank.storms.measure.record import AccountTrack, DeleveragingSeen, VaultPeak

HEDGED_PART = 10
"""An account is hedged whose net delta is at most this part of its gross notional: a tenth."""


@dataclass(slots=True)
class Trouble:
    """An account's worst times; nanoseconds."""

    began_ns: int | None = None
    """When it was warned or liquidated first, of the trouble it is in; None while it is in none."""
    longest_ns: int | None = None
    """Longest way from there to flat."""


@dataclass(slots=True)
class Hedge:
    """What deleveraging left of an account's hedge."""

    was_hedged: bool
    """At the last mark before its first deleveraging."""
    residual_micros: int = 0
    """Largest net delta behind a deleveraging."""
    unhedged_since_ns: int | None = None
    unhedged_ns: int = 0


@dataclass(slots=True)
class Standing:
    """The stories of all accounts."""

    accounts: Accounts
    troubles: dict[int, Trouble] = field(default_factory=dict)
    hedges: dict[int, Hedge] = field(default_factory=dict)
    vault_peaks: list[VaultPeak] = field(default_factory=list)
    _hedged: set[int] = field(default_factory=set)
    """Accounts with several legs that were hedged at the last mark."""

    def begin(self) -> None:
        """Begin to measure here: who is in trouble still is."""
        self.troubles = {key: Trouble(trouble.began_ns) for key, trouble in self.troubles.items() if trouble.began_ns}
        self.hedges.clear()
        self.vault_peaks.clear()

    # Trouble

    def band(self, now_ns: int, account_id: int, band: int) -> None:
        """Note that an account's health came into another band."""
        trouble = self.troubles.setdefault(account_id, Trouble())
        if band == HealthBand.HEALTHY:
            trouble.began_ns = None
        elif trouble.began_ns is None and self.accounts.holder(account_id).legs:
            trouble.began_ns = now_ns

    def flat(self, now_ns: int, account_id: int) -> None:
        """Note that an account has no position any more."""
        trouble = self.troubles.get(account_id)
        if trouble is not None and trouble.began_ns is not None:
            trouble.longest_ns = max(trouble.longest_ns or 0, now_ns - trouble.began_ns)
            trouble.began_ns = None

    def time_to_flat_ns(self, account_id: int, *, is_liquidated: bool, ended_ns: int) -> int | None:
        """Return the longest way from trouble to flat, or None.

        One that is still in liquidation is on its way until the run ends; who was only warned and is not flat is on
        none.
        """
        trouble = self.troubles.get(account_id)
        if trouble is None:
            return None
        if is_liquidated and trouble.began_ns is not None:
            return max(trouble.longest_ns or 0, ended_ns - trouble.began_ns)
        return trouble.longest_ns

    # Hedges

    def deleveraged(self, now_ns: int, seen: list[DeleveragingSeen]) -> None:
        """Look at the victims of one entry, when their fills are booked."""
        for account_id in dict.fromkeys(each.account_id for each in seen):
            hedge = self.hedges.get(account_id)
            if hedge is None:
                hedge = self.hedges[account_id] = Hedge(account_id in self._hedged)
            net, _ = self.accounts.net_delta_micros(self.accounts.holder(account_id))
            hedge.residual_micros = max(hedge.residual_micros, net)
            self._look(now_ns, account_id, hedge)

    def marked(self, now_ns: int) -> None:
        """Look at everybody at new marks."""
        hedged = self._hedged
        hedged.clear()
        for account_id, holder in self.accounts.holders.items():
            if len(holder.legs) > 1 and self._is_hedged(holder):
                hedged.add(account_id)
        for account_id, hedge in self.hedges.items():
            self._look(now_ns, account_id, hedge)
        self._look_at_vault(now_ns)

    def finish(self, ended_ns: int) -> None:
        """Count what goes on until the end."""
        for hedge in self.hedges.values():
            if hedge.unhedged_since_ns is not None:
                hedge.unhedged_ns += ended_ns - hedge.unhedged_since_ns
                hedge.unhedged_since_ns = ended_ns

    def _look(self, now_ns: int, account_id: int, hedge: Hedge) -> None:
        is_hedged = self._is_hedged(self.accounts.holder(account_id))
        if hedge.unhedged_since_ns is not None and is_hedged:
            hedge.unhedged_ns += now_ns - hedge.unhedged_since_ns
            hedge.unhedged_since_ns = None
        elif hedge.unhedged_since_ns is None and hedge.was_hedged and not is_hedged:
            hedge.unhedged_since_ns = now_ns

    def _is_hedged(self, holder: Holder) -> bool:
        net, gross = self.accounts.net_delta_micros(holder)
        return net * HEDGED_PART <= gross

    # The vault

    def _look_at_vault(self, now_ns: int) -> None:
        vault = self.accounts.holders.get(BACKSTOP_VAULT_ID)
        if vault is None:
            return
        peaks = self.vault_peaks
        before = peaks[-1] if peaks else VaultPeak(time_ns=now_ns, loss_micros=0, committed_micros=0)
        loss = max(before.loss_micros, self.vault_committed_micros - vault.equity_micros)
        committed = max(before.committed_micros, self.vault_committed_micros)
        if (loss, committed) != (before.loss_micros, before.committed_micros):
            peaks.append(VaultPeak(time_ns=now_ns, loss_micros=loss, committed_micros=committed))

    @property
    def vault_committed_micros(self) -> int:
        """What the vault was given: by its owner, and as the rest of accounts that it took over (at mark)."""
        vault = self.accounts.holders.get(BACKSTOP_VAULT_ID)
        return 0 if vault is None else vault.paid_in_micros + vault.handed_micros


class Sampler:
    """Tracks of all accounts, a row per interval; the interval doubles when there are too many rows."""

    def __init__(self, accounts: Accounts, *, interval_ns: int, most_rows: int) -> None:
        """Begin with no row.

        Args:
            accounts: valued before each sample.
            interval_ns: least time between rows, to begin with.
            most_rows: of one track, at any time.

        """
        self.tracks: dict[int, AccountTrack] = {}
        self._accounts = accounts
        self._least_interval_ns = interval_ns
        self._most_rows = most_rows
        self.begin()

    def begin(self) -> None:
        """Begin to measure here, with no row."""
        self.tracks.clear()
        self._interval_ns = self._least_interval_ns
        self._next_ns = 0
        self._rows = 0

    def sample(self, now_ns: int) -> None:
        """Add a row to each track if it is time."""
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + self._interval_ns
        self._rows += 1
        for account_id, holder in self._accounts.holders.items():
            track = self.tracks.get(account_id)
            if track is None:
                track = self.tracks[account_id] = AccountTrack()
            track.times_ns.append(now_ns)
            track.equity_micros.append(holder.equity_micros)
            track.maintenance_micros.append(holder.maintenance_micros)
            track.cash_micros.append(holder.cash_micros)
        if self._rows >= self._most_rows:
            self._thin()

    def _thin(self) -> None:
        self._interval_ns *= 2
        self._rows = (self._rows + 1) // 2
        for track in self.tracks.values():
            for column in (track.times_ns, track.equity_micros, track.maintenance_micros, track.cash_micros):
                # From the end, so that tracks that began later keep the same times.
                del column[-2::-2]
