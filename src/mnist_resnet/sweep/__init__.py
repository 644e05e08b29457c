"""Sweeps: plans, schedulers, trials and their results."""
