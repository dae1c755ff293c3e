"""The world of the ledger: households with accounts, what moves on them, frauds, and what is said of it all."""
