"""The numbers of `wavetank.model.orders` and `wavetank.model.reason` as C constants; a test compares them."""

cdef enum:
    BUY = 1
    SELL = 2

cdef enum:
    LIMIT = 1
    MARKET = 2

cdef enum:
    GTC = 1
    IOC = 2
    FOK = 3
    GTT = 4

cdef enum:
    # An order is live while OPEN or, behind the ended ones, while it waits for something.
    OPEN = 1
    FILLED = 2
    CANCELLED = 3
    REJECTED = 4
    UNTRIGGERED = 5
    WAITING = 6

cdef enum:
    POST_ONLY = 1
    REDUCE_ONLY = 2
    LIQUIDATION = 4
    POST_ONLY_SLIDE = 8
    QUOTE = 16
    CANCEL_ON_DISCONNECT = 32

cdef enum:
    EXPIRE_MAKER = 1
    EXPIRE_TAKER = 2
    EXPIRE_BOTH = 3

cdef enum:
    STOP = 1
    TAKE_PROFIT = 2

cdef enum:
    MARK = 1
    LAST = 2
    INDEX = 3

cdef enum:
    ONE_CANCELS_OTHER = 1
    PARENT = 2
    POSITION = 3

cdef enum:
    BY_REQUEST = 1
    BY_IMMEDIATE_REMAINDER = 2
    BY_SELF_TRADE = 3
    BY_REDUCE_ONLY = 4
    BY_LIQUIDATION = 5
    BY_DISCONNECT = 6
    BY_EXPIRED = 7
    BY_DEAD_MAN = 8
    BY_GROUP = 9
    BY_PARENT = 10
    BY_TRIGGER_REFUSED = 11
    BY_REPLACED = 12
    BY_SETTLED = 13
    BY_OVERTAKEN = 14

cdef enum:
    PLACE = 1
    CANCEL = 2
    AMEND = 3
    CANCEL_ALL = 4
    LIQUIDATE = 5
    CANCEL_ACCOUNT = 6
    TRANSFER = 7
    CANCEL_ALL_AFTER = 8
    PLACE_GROUP = 9
    MASS_QUOTE = 10
    ATOMIC = 11
    CANCEL_DISCONNECTED = 12

cdef enum:
    NO_LINE = 0
    LINE_NORMAL = 1
    LINE_REDUCE_ONLY = 2
    LINE_FROZEN = 3

# How a line charges what changed since it was counted, as in `wavetank.model.orders.LineCharge`.
cdef enum:
    CHARGE_GROSS = 1
    CHARGE_GROUP_OFFSET = 2
    CHARGE_SCENARIO = 3

cdef enum:
    TRADING = 1
    CANCEL_ONLY = 2
    HALTED = 3
    STATE_POST_ONLY = 4
    STATE_REDUCE_ONLY = 5
    AUCTION = 6
    SETTLED = 7

cdef enum:
    OK = 0
    MALFORMED = 100
    INSTRUMENT_UNKNOWN = 104
    NOT_READY = 111
    PRICE_OFF_GRID = 200
    PRICE_OUT_OF_RANGE = 201
    SIZE_OUT_OF_RANGE = 202
    ORDER_TOO_LARGE = 203
    NOTIONAL_TOO_SMALL = 204
    OUTSIDE_PRICE_BAND = 205
    NO_REFERENCE_PRICE = 206
    POST_ONLY_WOULD_CROSS = 207
    FILL_OR_KILL_UNFILLED = 208
    REDUCE_ONLY_WOULD_INCREASE = 209
    ORDER_UNKNOWN = 210
    CLIENT_ORDER_ID_REUSED = 211
    TOO_MANY_OPEN_ORDERS = 212
    INSTRUMENT_STATE = 213
    ORDER_COMBINATION = 214
    AMEND_BELOW_FILLED = 215
    POSITION_TOO_LARGE = 216
    OPEN_INTEREST_CAP = 217
    TRIGGER_PRICE_PASSED = 218
    EXPIRY_PASSED = 219
    BATCH_REFUSED = 220
    DISPLAY_OUT_OF_RANGE = 221
    TIMEOUT_OUT_OF_RANGE = 222
    EXPOSURE_TOO_LARGE = 223
    GROUP_NET_TOO_LARGE = 224
    GROUP_GROSS_TOO_LARGE = 225
    CREDIT_EXCEEDED = 300
    NO_CREDIT_LINE = 301
    CREDIT_STALE = 302
    ACCOUNT_REDUCE_ONLY = 303
    ACCOUNT_FROZEN = 304
    CREDIT_ELSEWHERE = 305
    AMOUNT_OUT_OF_RANGE = 308
    TOO_MANY_INSTRUMENTS = 309
    ISOLATED_ELSEWHERE = 312
    TRANSFER_CLIPPED = 401
    PRICE_STALE = 500

cdef enum:
    # UNIT-020 and PROTOCOL 1. Too wide for a C enum's int they would be; these two fit.
    PRICE_LIMIT = 2147483647
    LOTS_LIMIT = 2147483647
