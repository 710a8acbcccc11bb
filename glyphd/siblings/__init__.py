"""The API processes of one service, and the counts and limits that they keep in shared memory."""
