"""The test of deploy/compose.scale.yml: `make scale-check`."""
