ARG TAG=latest
FROM busybox:${TAG}
ARG TAG
ENV T=$TAG
