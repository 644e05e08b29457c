"""Published IDX files: where they come from, how they are read, and how they are split."""
