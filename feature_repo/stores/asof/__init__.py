"""How AsofOfflineStore joins: entity rows and Parquet files in, features as they stood at a time out (docs/asof.md)."""
