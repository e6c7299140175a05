FROM busybox
ENV D=/var/dd
WORKDIR $D/x
RUN pwd > p
