#!/usr/bin/env python3
"""Serves the same files with Reelpack and with nginx, in turn, and says how many requests a second each answers.

The files are those of one package: Reelpack makes it, then their contents are replaced by random bytes of the sizes that are
compared (before anybody has asked for them), and nginx serves the same folder. wrk runs on the same machine. Each
round runs both contenders at each size, one after another, in an order that is shuffled (always alike) for each round.
"""

import argparse
import base64
import http.client
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SIZES = {"4 KB": 4 << 10, "64 KB": 64 << 10, "1 MB": 1 << 20, "4 MB": 4 << 20}
MANY = 2_000
LICENCES_A_SECOND = 500


def main() -> None:
    arguments = parse()
    work = arguments.work.resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    server, base = start_reelpack(arguments, work)
    nginx = None
    try:
        folder, url, kid = package(base, work)
        for name, size in SIZES.items():
            (folder / "video" / file_of(name)).write_bytes(os.urandom(size))
        nginx, nginx_base = start_nginx(arguments, work, folder)
        contenders = {"Reelpack": f"{base}{url}", "nginx": f"{nginx_base}/"}
        result = compare(arguments, contenders)
        result["keep-alive"] = many(arguments, contenders)
        result["licences"] = licences(arguments, base, kid)
        result["memory"] = {"Reelpack": peak(server.pid)}
        print(f"\npeak memory of Reelpack: {result['memory']['Reelpack'] / (1 << 20):.0f} MiB")
        (work / "result.json").write_text(json.dumps(result, indent=1) + "\n")
        print(f"Every single run: {work / 'result.json'}")
    finally:
        for process in (server, nginx):
            if process:
                process.send_signal(signal.SIGTERM)
                process.wait()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reelpack", type=Path, required=True, help="the release binary")
    parser.add_argument("--work", type=Path, required=True, help="folder for the files; made anew")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of one run")
    parser.add_argument("--connections", type=int, default=64)
    arguments = parser.parse_args()
    for program in ("nginx", "wrk", "ffmpeg"):
        if not shutil.which(program):
            parser.error(f"{program} is not there: scripts/setup.sh bench brings it")
    return arguments


def file_of(name: str) -> str:
    return f"{900 + list(SIZES).index(name)}.m4s"


def start_reelpack(arguments: argparse.Namespace, work: Path):
    log = (work / "reelpack.log").open("w")
    command = [str(arguments.reelpack), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(work / "data")]
    server = subprocess.Popen(command, stderr=log, stdout=log)
    for _ in range(200):
        found = re.search(r"listening on (http://\S+)", (work / "reelpack.log").read_text())
        if found:
            return server, found.group(1)
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"error: Reelpack did not start\n{(work / 'reelpack.log').read_text()}")


def package(base: str, work: Path):
    """A package of a clip, in the folder of the server: where it is, its path in URLs, and its KID."""
    clip = work / "clip.mp4"
    subprocess.run(
        ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=4,format=yuv420p",
         "-c:v", "libx264", "-g", "50", str(clip)], check=True)
    asset = json.loads(subprocess.run(
        ["curl", "-sf", "-F", f"file=@{clip}", f"{base}/api/v1/assets"], check=True, capture_output=True).stdout)
    order = urllib.request.Request(f"{base}/api/v1/assets/{asset['id']}/packages", b"{}", {"Content-Type": "application/json"})
    made = json.load(urllib.request.urlopen(order))
    while made["status"] not in ("Ready", "Failed"):
        time.sleep(0.1)
        made = json.load(urllib.request.urlopen(f"{base}/api/v1/packages/{made['id']}"))
    with sqlite3.connect(work / "data" / "reelpack.db") as database:
        code, kid = database.execute(
            "SELECT p.code, k.kid FROM packages p JOIN content_keys k USING (packaged_content_id)").fetchone()
    return work / "data" / "packages" / code / "dash", f"/videos/{code}/dash/", kid


def start_nginx(arguments: argparse.Namespace, work: Path, folder: Path):
    """nginx as its handbook says for media: sendfile, tcp_nopush, open_file_cache, a worker a core, no access log."""
    port = 18_080
    config = work / "nginx.conf"
    config.write_text(f"""
daemon off; worker_processes auto; pid {work}/nginx.pid; error_log {work}/nginx.log; user root;
events {{ worker_connections 8192; }}
http {{
  types {{ video/mp4 m4s mp4; }}
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=60s; client_body_temp_path {work}/t; proxy_temp_path {work}/t; fastcgi_temp_path {work}/t;
  uwsgi_temp_path {work}/t; scgi_temp_path {work}/t;
  server {{ listen 127.0.0.1:{port} backlog=8192; root {folder};
    add_header Cache-Control "public, max-age=31536000, immutable"; add_header Access-Control-Allow-Origin "*"; }}
}}
""")
    nginx = subprocess.Popen(["nginx", "-c", str(config)], stderr=(work / "nginx.out").open("w"))
    base = f"http://127.0.0.1:{port}"
    for _ in range(100):
        try:
            urllib.request.urlopen(f"{base}/video/{file_of('4 KB')}").read()
            return nginx, base
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"error: nginx did not start\n{(work / 'nginx.out').read_text()}")


def wrk(url: str, connections: int, seconds: int, *more: str) -> dict:
    command = ["wrk", "--latency", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "10s", *more, url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    amount, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    other = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return {
        "rate": rate,
        "p99_ms": float(amount) * {"us": 0.001, "ms": 1, "s": 1000}[unit],
        "errors": sum(map(int, errors.groups())) if errors else 0,
        "refused": int(other.group(1)) if other else 0,
    }


def compare(arguments: argparse.Namespace, contenders: dict) -> dict:
    runs = {name: {contender: [] for contender in contenders} for name in SIZES}
    for turn in range(arguments.rounds):
        cases = [(name, contender) for name in SIZES for contender in contenders]
        for name, contender in random.Random(turn).sample(cases, len(cases)):
            url = f"{contenders[contender]}video/{file_of(name)}"
            runs[name][contender].append(wrk(url, arguments.connections, arguments.seconds))
        print(f"round {turn + 1} of {arguments.rounds} done", file=sys.stderr)
    print("| file | Reelpack, requests/s | nginx | ratio | p99 ms | nginx | errors |")
    print("|---|---|---|---|---|---|---|")
    for name, of in runs.items():
        rate = {contender: statistics.median(run["rate"] for run in of[contender]) for contender in of}
        p99 = {contender: statistics.median(run["p99_ms"] for run in of[contender]) for contender in of}
        errors = sum(run["errors"] + run["refused"] for run in of["Reelpack"])
        print(f"| {name} | {rate['Reelpack']:,.0f} | {rate['nginx']:,.0f} | {rate['Reelpack'] / rate['nginx']:.2f} "
              f"| {p99['Reelpack']:.1f} | {p99['nginx']:.1f} | {errors} |", flush=True)
    return {"runs": runs}


def many(arguments: argparse.Namespace, contenders: dict) -> dict:
    """Keep-alive connections in great number, all busy."""
    found = {}
    print(f"\n{MANY:,} connections, 64 KB:")
    for contender, url in contenders.items():
        found[contender] = wrk(f"{url}video/{file_of('64 KB')}", MANY, 2 * arguments.seconds)
        print(f"- {contender}: {found[contender]['rate']:,.0f} requests/s, p99 {found[contender]['p99_ms']:.0f} ms, "
              f"{found[contender]['errors'] + found[contender]['refused']} errors", flush=True)
    return found


def licences(arguments: argparse.Namespace, base: str, kid: str) -> dict:
    """ClearKey licences at a constant rate: each request has its moment, and the time counts from there."""
    kids = base64.urlsafe_b64encode(bytes.fromhex(kid)).decode().rstrip("=")
    body = json.dumps({"kids": [kids], "type": "temporary"})
    local = threading.local()
    host = base.removeprefix("http://")
    total = LICENCES_A_SECOND * arguments.seconds
    start = time.perf_counter() + 0.5

    def ask(number: int) -> tuple[float, bool]:
        due = start + number / LICENCES_A_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(host)
        local.connection.request("POST", "/license/clearkey", body, {"Content-Type": "application/json"})
        answer = local.connection.getresponse()
        good = answer.status == 200 and b'"k"' in answer.read()
        return time.perf_counter() - due, good

    with ThreadPoolExecutor(32) as pool:
        times = list(pool.map(ask, range(total)))
    took = sorted(time for time, _ in times)
    found = {"p50_ms": took[total // 2] * 1000, "p99_ms": took[total * 99 // 100] * 1000, "failed": sum(not good for _, good in times)}
    print(f"\nlicences, {LICENCES_A_SECOND}/s: p50 {found['p50_ms']:.1f} ms, p99 {found['p99_ms']:.1f} ms, {found['failed']} failed")
    return found


def peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


if __name__ == "__main__":
    main()
