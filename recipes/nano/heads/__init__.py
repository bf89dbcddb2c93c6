"""What the heads of `nano` learn from, as rows that `commonspace train` reads, and the towers that they end in."""
