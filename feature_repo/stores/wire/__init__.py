"""Feast's Redis layout without an object per value: columns to commands, and replies to columns.

`keys`, `encode` and `decode` know the bytes; `script` knows which write wins; `exchange` and `attempts` know the
conversation, which the drivers `transport` and `transport_async` carry to a Redis, a Cluster or a Sentinel's master;
`write` and `lookup` are what the store and the scorer call (docs/wire.md).
"""
