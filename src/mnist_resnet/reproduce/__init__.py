"""Whether a run came out the same as another: the verdict, its reasons, and how it is shown."""
