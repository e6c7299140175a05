FROM busybox
RUN --mount=type=cache,target=/cc,id=corpus60 touch /cc/x
RUN --mount=type=tmpfs,target=/tt touch /tt/y && ls /tt > /ls
