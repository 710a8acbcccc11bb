"""From received bytes to staged rows: intake, the check at the door, reading, validation, and the
job's life."""
