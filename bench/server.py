"""A server for benchmarks, and worker processes beside it."""

import json
import re
import subprocess
import time
import urllib.request
from pathlib import Path

# A package that takes longer than this does not come.
PATIENCE_SECONDS = 3600


class Server:
    """`reelpack serve` with so many workers of its own, and so many `reelpack worker` processes, while it is entered."""

    def __init__(self, reelpack: Path, data: Path, workers: int, processes: int = 0):
        self.reelpack, self.data = reelpack, data
        self.workers, self.processes = workers, processes
        self.running: list[subprocess.Popen] = []

    def __enter__(self) -> "Server":
        self.log = self.data.with_suffix(".log")
        with self.log.open("wb") as output:
            self._start(output, "serve", "--listen", "127.0.0.1:0", "--workers", str(self.workers))
            self.base = self._address()
            for _ in range(self.processes):
                self._start(output, "worker", "--workers", "1")
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            process.wait()

    def _start(self, output, *words: str) -> None:
        command = [str(self.reelpack), *words, "--data-dir", str(self.data)]
        self.running.append(subprocess.Popen(command, stdout=output, stderr=output))

    def _address(self) -> str:
        for _ in range(200):
            if found := re.search(r"listening on (http://\S+)", self.log.read_text()):
                return found.group(1)
            if self.running[0].poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"error: Reelpack did not start\n{self.log.read_text()}")

    def upload(self, source: Path) -> dict:
        command = ["curl", "-sf", "-F", f"file=@{source}", f"{self.base}/api/v1/assets"]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    def package(self, asset: dict, order: dict) -> dict:
        """Orders a package, and waits until it is ready."""
        made = self.ask(f"/api/v1/assets/{asset['id']}/packages", json.dumps(order).encode())
        began = time.perf_counter()
        while made["status"] not in ("Ready", "Failed"):
            if time.perf_counter() - began > PATIENCE_SECONDS:
                raise SystemExit(f"error: no package after {PATIENCE_SECONDS} s: {made}")
            time.sleep(0.2)
            made = self.ask(f"/api/v1/packages/{made['id']}")
        if made["status"] == "Failed":
            raise SystemExit(f"error: {made}")
        return made

    def ask(self, path: str, body: bytes | None = None) -> dict:
        request = urllib.request.Request(self.base + path, body, {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request))
