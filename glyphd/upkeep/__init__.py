"""Looking after what is kept: proofs and copies of it, and an archive made again from it."""
