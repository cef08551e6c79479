#!/usr/bin/env bash
# A video goes in, is packaged, and plays; with curl.
# usage: REELPACK_URL=http://127.0.0.1:5000 REELPACK_TOKEN_FILE=token.txt way.sh FILE
set -euo pipefail

api=${REELPACK_URL:-http://127.0.0.1:5000}/api/v1
# Tokens are handed over in a file: arguments are seen by everyone on a machine. Where access is open, none is needed.
credentials=/dev/null
if [[ -n ${REELPACK_TOKEN_FILE:-} ]]; then
    credentials=$(mktemp)
    trap 'rm -f "$credentials"' EXIT
    printf 'Authorization: Bearer %s\n' "$(<"$REELPACK_TOKEN_FILE")" >"$credentials"
fi
ask() { curl --silent --show-error --header "@$credentials" "$@"; }
# The first field of a name in the JSON that comes in; `jq` does it better where it is installed.
field() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }

# 1. Upload. Large files go by tus, which goes on after an interruption: POST /api/v1/uploads.
asset=$(ask --fail --form "file=@$1" "$api/assets" | field id)
echo "asset $asset"

# 2. Package. With a name of its own the request can be sent again when its answer was lost: it is done once.
order() {
    ask --fail --header 'Content-Type: application/json' --header "Idempotency-Key: order-$asset" \
        --data '{"scheme": "cbcs"}' "$api/assets/$asset/packages"
}
package=$(order | field id)
[[ $(order | field id) == "$package" ]] && echo "package $package"

# 3. Wait. `percent` and `seconds_left` say how far it is; GET /api/v1/events tells without being asked.
until ask --fail "$api/packages/$package" | grep -q '"status":"\(Ready\|Failed\)"'; do sleep 1; done
dash=$(ask --fail "$api/packages/$package" | field dash_url)

# 4. Play: the manifest names everything else, the licence server included.
curl --silent --show-error --fail "$dash" | grep -q '<MPD' && echo "plays $dash"

# 5. Signed playback: from now on, players need a token that runs out.
ask --fail --output /dev/null --request PUT --header 'Content-Type: application/json' \
    --data '{"policy": "signed"}' "$api/assets/$asset/playback"
signed=$(ask --fail --header 'Content-Type: application/json' --data '{"expires_in": 600}' \
    "$api/assets/$asset/playback_tokens" | field dash_url)
curl --silent --show-error --fail "$signed" | grep -q '<MPD' && echo "plays with a token"
echo "without a token: $(curl --silent --output /dev/null --write-out '%{http_code}' "$dash")"

# 6. Errors are application/problem+json: programs decide by `code`, `pointer` says where.
problem=$(ask --header 'Content-Type: application/json' --data '{"scheme": "rot13"}' "$api/assets/$asset/packages")
echo "error $(field code <<<"$problem") at $(field pointer <<<"$problem")"
