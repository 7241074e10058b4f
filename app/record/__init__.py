"""The record: a journal for each case, the trees over their entries, and the proofs that these give."""
