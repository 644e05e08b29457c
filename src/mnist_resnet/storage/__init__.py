"""Atomic writes, digests, locks, arrays on disk, and room on it."""
