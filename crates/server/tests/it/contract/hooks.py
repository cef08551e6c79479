"""Tells schemathesis how bodies of bytes are sent and read; it knows JSON, forms and text by itself."""

import schemathesis


@schemathesis.serializer("application/offset+octet-stream")
def as_bytes(ctx, value):
    if isinstance(value, bytes):
        return value
    return str(value).encode("utf-8", "surrogatepass")


@schemathesis.deserializer(
    "application/octet-stream",
    "application/dash+xml",
    "application/vnd.apple.mpegurl",
    "application/mp4",
    "audio/mp4",
    "image/jpeg",
    "multipart/byteranges",
    "text/vtt",
    "video/mp4",
)
def as_text(ctx, response):
    return response.content.decode("latin-1")
