"""Power cuts: a restarted service has only what was on the block device at that moment."""
