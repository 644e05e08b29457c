"""What a run was made from and what it came to, stage by stage; the schema is in ``docs/reproducibility.md``."""
