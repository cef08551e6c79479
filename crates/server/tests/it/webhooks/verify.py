"""Verifies messages with the package `standardwebhooks`, as a receiver would.

In, on standard input: JSON, a list of {"secret", "body", "headers"}. Out: a list of "verified" or why not.
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def verify(message):
    try:
        Webhook(message["secret"]).verify(message["body"], message["headers"])
    except WebhookVerificationError as error:
        return str(error)
    return "verified"


json.dump([verify(message) for message in json.load(sys.stdin)], sys.stdout)
