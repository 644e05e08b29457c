"""The record of a run: what it was made from, and what each step came to (docs/reproducibility.md)."""
