"""Many runs by one command: which trials there are, who judges them, and what they come to."""
