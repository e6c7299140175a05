# args: --build-arg V=cli
FROM busybox
ARG V=arg
ENV V=env
RUN echo $V > /v
