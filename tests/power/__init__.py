"""Power cuts: what a block device holds at a moment is all that a new start gets."""
