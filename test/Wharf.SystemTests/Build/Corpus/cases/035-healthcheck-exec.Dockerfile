FROM busybox
HEALTHCHECK CMD ["true", "x"]
