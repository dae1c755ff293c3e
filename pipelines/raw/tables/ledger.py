"""The ledger: accounts, what moves on them, and what is said of it."""

from __future__ import annotations

from pipelines.raw.contracts import Column, RawTable, id_column, ingested_column

DOMAIN = "ledger"

# ISO 4217: today's codes of money, and those that records of the past twenty years hold.
_CODES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BYR BZD CAD CDF CHF
CLP CNY COP CRC CUC CUP CVE CZK DJF DKK DOP DZD EEK EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LTL LVL LYD
MAD MDL MGA MKD MMK MNT MOP MRO MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG
QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SKK SLE SLL SOS SRD SSP STD STN SVC SYP SZL THB TJS TMT TND TOP TRY
TTD TWD TZS UAH UGX USD UYU UZS VED VEF VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ZWL
"""
CURRENCIES = tuple(_CODES.split())
METHODS = ("credit_card", "debit_card", "cash", "bank_transfer", "direct_debit", "check", "other")
MOST = 1e12

ACCOUNTS = RawTable(
    name="accounts",
    domain=DOMAIN,
    description="Where money lies or is owed. A change is a further row with the same id and a later `ingested_at`.",
    columns=(
        id_column("account_id", "the account"),
        id_column("customer_id", "whose it is"),
        Column("kind", "string", "what it is", allowed=("checking", "savings", "credit_card", "cash")),
        Column("currency", "string", "ISO 4217 code of its money", allowed=CURRENCIES),
        Column(
            "credit_limit", "float64", "how far it may be overdrawn, empty if that is not agreed", "currency",
            required=False, ge=0, le=MOST,
        ),
        Column("opened_at", "timestamp", "when it was opened"),
        Column("closed_at", "timestamp", "when it was closed, empty if it is open", required=False),
        ingested_column(),
    ),
    key=("account_id",),
    happened="opened_at",
    known="ingested_at",
)  # fmt: skip

TRANSACTIONS = RawTable(
    name="transactions",
    domain=DOMAIN,
    description="Movements on accounts. A correction is a further row with the same id and a later `ingested_at`.",
    columns=(
        id_column("transaction_id", "the transaction"),
        id_column("account_id", "the account that it moves"),
        Column("amount", "float64", "money in is positive, money out negative", "currency", ge=-MOST, le=MOST),
        Column("currency", "string", "ISO 4217 code of the amount", allowed=CURRENCIES),
        Column("description", "string", "what the statement says"),
        Column("merchant", "string", "who was paid, as the payment scheme spells it", required=False),
        Column("payment_method", "string", "how it was paid", allowed=METHODS),
        Column(
            "balance_after", "float64", "what the account held after it", "currency",
            required=False, ge=-MOST, le=MOST,
        ),
        Column("country", "string", "ISO 3166 code of where it was paid", required=False),
        Column("occurred_at", "timestamp", "when it happened"),
        ingested_column(),
    ),
    key=("transaction_id",),
    happened="occurred_at",
    known="ingested_at",
)  # fmt: skip

TRANSACTION_LABELS = RawTable(
    name="transaction_labels",
    domain=DOMAIN,
    description=(
        "What is said of a transaction: its category, or whether it was a fraud (`fraud`, `genuine`). A label counts "
        "from when it was given; of several of one kind the latest counts, from any source."
    ),
    columns=(
        id_column("transaction_id", "the transaction"),
        Column("kind", "string", "what is said of it", allowed=("category", "fraud")),
        Column("value", "string", "which category; or fraud or genuine"),
        Column("source", "string", "who says so", allowed=("user", "bank", "rule")),
        Column("labelled_at", "timestamp", "when it was said"),
    ),
    key=("transaction_id", "kind"),
    happened="labelled_at",
    known="labelled_at",
)
