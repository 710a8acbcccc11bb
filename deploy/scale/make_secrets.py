"""Makes the secrets of compose.scale.yml in a folder, each a file, with random passwords. Files
that are there already stay.

    python deploy/scale/make_secrets.py deploy/scale/secrets
"""

import json
import secrets
import sys
from pathlib import Path

READABLE = 0o644
"""A container's user is not the owner of the file; the folder keeps others out."""


def make_secrets(folder: Path) -> None:
    """Fills the folder, which only its owner can enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    passwords = {
        name: _made(folder / name, secrets.token_urlsafe(24))
        for name in ("database_password", "queue_password", "bucket_key_id", "bucket_key")
    }
    database, queue = passwords["database_password"], passwords["queue_password"]
    _made(
        folder / "database_url", f"postgresql://glyphd:{database}@database/glyphd?connect_timeout=3"
    )
    _made(
        folder / "queue_url",
        f"redis://:{queue}@queue:6379/0?socket_timeout=2&socket_connect_timeout=1",
    )
    keys = {"accessKey": passwords["bucket_key_id"], "secretKey": passwords["bucket_key"]}
    may = ["Admin", "Read", "Write", "List", "Tagging"]
    identities = [{"name": "glyphd", "credentials": [keys], "actions": may}]
    _made(folder / "bucket_config", json.dumps({"identities": identities}))


def _made(path: Path, text: str) -> str:
    """What is in the file, which is made with this text if it is not there."""
    if not path.exists():
        path.write_text(text)
        path.chmod(READABLE)
    return path.read_text()


if __name__ == "__main__":
    make_secrets(Path(sys.argv[1]))
