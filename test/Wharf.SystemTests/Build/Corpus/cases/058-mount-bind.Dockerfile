FROM busybox
RUN --mount=type=bind,target=/ctx cp /ctx/a.txt /copied && ls /ctx > /ls
RUN --mount=target=/one,source=dir/one.c cat /one > /1
