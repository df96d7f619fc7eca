# The image of Wharf itself: one static program, and the authorities that it trusts; nothing else.
#
#     wharf build --tag wharf .
#     wharf run --detach --publish 5000:5000 --restart always --volume registry:/data --name registry wharf
#
# A program that is built already goes in without a compiler: --build-context build=FOLDER, where FOLDER/out is what
# becomes the root.

ARG RUST=1.95
FROM docker.io/library/rust:${RUST}-slim-bookworm AS build
RUN apt-get update --quiet \
    && apt-get install --yes --quiet --no-install-recommends ca-certificates gcc libc6-dev make
WORKDIR /source
COPY . .
ARG TARGETARCH
# The C library is linked in, so that the program needs nothing beside itself.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target,id=wharf-${TARGETARCH} \
    RUSTFLAGS="--codegen target-feature=+crt-static" \
    cargo build --release --locked --package wharf --target "$(uname -m)-unknown-linux-gnu" \
    && mkdir -p /out/etc/ssl/certs /out/data \
    && cp target/*-unknown-linux-gnu/release/wharf /out/wharf \
    && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/

FROM scratch
COPY --from=build /out/ /
ENV PATH=/
VOLUME /data
EXPOSE 5000
ENTRYPOINT ["/wharf"]
CMD ["registry", "serve", "--data", "/data", "--listen", "0.0.0.0:5000"]
