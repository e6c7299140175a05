FROM busybox AS src
RUN mkdir /s && echo s > /s/f
FROM busybox
RUN --mount=type=bind,from=src,source=/s,target=/m cat /m/f > /f
RUN --mount=type=bind,from=src,source=/s,target=/m,rw echo w > /m/g && ls /m > /g
