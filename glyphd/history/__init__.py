"""The market over time: what changed between two observations or two imports, and prices by model
and bucket."""
