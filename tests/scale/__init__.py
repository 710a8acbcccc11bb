"""The proof of deploy/compose.scale.yml: `make scale-check`."""
