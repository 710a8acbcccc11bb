"""The API processes of one service, and what they hold together: counts and limits in memory that
all of them have."""
