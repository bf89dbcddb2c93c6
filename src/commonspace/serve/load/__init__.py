"""Load on purpose: what is asked when, and what the answers' times say; knows no network."""
