"""The comparison of two recorded runs: the verdict, its reasons, and its tables."""
