"""The learning corpus as StableNew reads it: what its readers bear, what a corpus says, and ways in and out of it."""
