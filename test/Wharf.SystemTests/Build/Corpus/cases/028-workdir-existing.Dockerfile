FROM busybox
RUN mkdir -m 700 /w && chown 5:6 /w
WORKDIR /w
