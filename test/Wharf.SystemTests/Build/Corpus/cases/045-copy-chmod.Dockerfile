FROM busybox
COPY --chmod=640 a.txt /1
COPY --chmod=0755 dir /2
