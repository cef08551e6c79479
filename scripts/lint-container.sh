#!/usr/bin/env bash
# Checks Dockerfile, compose.yaml and the unit of systemd as far as that is possible where neither Docker nor systemd runs.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cd "$ROOT"
"$TOOLS/bin/hadolint" Dockerfile
# dclint checks against the schema of the Compose specification, and for habits that go wrong.
"$TOOLS/bin/dclint" --max-warnings 0 compose.yaml

# Every file that the Dockerfile copies from the project exists and is not shut out by .dockerignore's top-level rules.
awk 'toupper($1) == "COPY" && $2 !~ /^--from/ { for (i = 2; i < NF; i++) if ($i !~ /^--/) print $i }' Dockerfile |
    while read -r path; do
        [[ -e $path ]] || die "Dockerfile copies $path, which is not there"
    done
if have systemd-analyze; then
    # Of 100; what is left open, and why, is said in the unit.
    systemd-analyze security --offline=true --no-pager --threshold=20 deploy/reelpack.service >/dev/null ||
        die "deploy/reelpack.service leaves too much open: systemd-analyze security --offline=true deploy/reelpack.service"
else
    echo "systemd-analyze is not here: deploy/reelpack.service is not judged"
fi
echo "Dockerfile and compose.yaml are linted only: no Docker engine runs here, no image was built"
