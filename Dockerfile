# The page, the binary, and an image that holds it and ffmpeg.

FROM node:22-bookworm-slim AS page
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci
COPY web/ ./
RUN npm run build

FROM rust:1.95-slim-bookworm AS binary
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY crates/ crates/
COPY --from=page /src/web/dist web/dist/
RUN cargo build --release --locked --package reelpack --bin reelpack

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Reelpack" \
    org.opencontainers.image.description="Packages video as encrypted DASH and HLS, and serves it" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"
# It converts what is not MP4. The version is that of the release of Debian.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates ffmpeg \
    && rm -rf /var/lib/apt/lists/*
# A numeric user, so that an orchestrator can see that it is not root.
RUN groupadd --gid 10001 reelpack \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin reelpack \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data
COPY --from=binary --chmod=0755 /src/target/release/reelpack /usr/local/bin/reelpack
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 5000
# The root may be read-only: all that is written is below /data.
# Every address of the container: one has to log in, unless `--access open` is added (compose.yaml does).
ENV REELPACK_DATA_DIR=/data REELPACK_LISTEN=0.0.0.0:5000
STOPSIGNAL SIGTERM
# The binary asks itself; a worker, which serves nothing, turns this off (compose.yaml does).
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/reelpack", "health"]
ENTRYPOINT ["/usr/local/bin/reelpack"]
CMD ["serve"]
