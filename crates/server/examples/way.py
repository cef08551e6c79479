"""A video goes in, is packaged, and plays; with Python and nothing else.

usage: REELPACK_URL=http://127.0.0.1:5000 REELPACK_TOKEN_FILE=token.txt way.py FILE
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

API = os.environ.get("REELPACK_URL", "http://127.0.0.1:5000") + "/api/v1"
TOKEN_FILE = os.environ.get("REELPACK_TOKEN_FILE")
# Where access is open, no token is needed.
CREDENTIALS = {"Authorization": "Bearer " + Path(TOKEN_FILE).read_text().strip()} if TOKEN_FILE else {}


class Problem(Exception):
    """An error of the API, application/problem+json: programs decide by `code`, `errors` names each wrong field."""

    def __init__(self, problem: dict):
        super().__init__(f"{problem['title']}: {problem['detail']} ({problem.get('request_id')})")
        self.code = problem["code"]
        self.errors = problem.get("errors", [])


def ask(method: str, path: str, body=None, headers=(), kind="application/json"):
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    headers = {**CREDENTIALS, **dict(headers), **({"Content-Type": kind} if data is not None else {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(API + path, data, headers, method=method)) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Problem(json.load(error)) from None


def form(file: Path) -> tuple[bytes, str]:
    """The bytes of a form with one file, and their type."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'
    return head.encode() + file.read_bytes() + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def plays(url: str) -> bool:
    with urllib.request.urlopen(url) as answer:
        return b"<MPD" in answer.read()


# 1. Upload. Large files go by tus, which goes on after an interruption: POST /api/v1/uploads.
data, kind = form(Path(sys.argv[1]))
asset = ask("POST", "/assets", data, kind=kind)
print("asset", asset["id"])

# 2. Package. With a name of its own the request can be sent again when its answer was lost: it is done once.
name = {"Idempotency-Key": "order-" + asset["id"]}
orders = [ask("POST", f"/assets/{asset['id']}/packages", {"scheme": "cbcs"}, name) for _ in range(2)]
package = orders[0]
if orders[1]["id"] == package["id"]:
    print("package", package["id"])

# 3. Wait. `percent` and `seconds_left` say how far it is; GET /api/v1/events tells without being asked.
while package["status"] not in ("Ready", "Failed"):
    time.sleep(1)
    package = ask("GET", "/packages/" + package["id"])

# 4. Play: the manifest names everything else, the licence server included.
if plays(package["dash_url"]):
    print("plays", package["dash_url"])

# 5. Signed playback: from now on, players need a token that runs out.
ask("PUT", f"/assets/{asset['id']}/playback", {"policy": "signed"})
signed = ask("POST", f"/assets/{asset['id']}/playback_tokens", {"expires_in": 600})
if plays(signed["packages"][0]["dash_url"]):
    print("plays with a token")
try:
    urllib.request.urlopen(package["dash_url"])
except urllib.error.HTTPError as error:
    print("without a token:", error.code)

# 6. Errors.
try:
    ask("POST", f"/assets/{asset['id']}/packages", {"scheme": "rot13"})
except Problem as problem:
    print("error", problem.code, "at", problem.errors[0]["pointer"])
