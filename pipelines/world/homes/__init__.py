"""Homes: people who live in them, deal in them and are written to, and the markets that they stand in."""
