FROM busybox
LABEL "a b"=c
ONBUILD LABEL x=y
VOLUME /v
RUN mkdir -p /v && echo gone > /v/f
