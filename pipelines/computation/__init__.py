"""What transforms are written with: days, versions of facts, windows of events, exact sums."""
