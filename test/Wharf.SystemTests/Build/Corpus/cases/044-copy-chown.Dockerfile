FROM busybox
RUN mkdir -p /etc && echo joe:x:77:77::/:/bin/sh > /etc/passwd && echo root:x:0: > /etc/group && echo joe:x:77: >> /etc/group
COPY --chown=joe a.txt /1
COPY --chown=12:34 a.txt /2
COPY --chown=joe:root dir /3
COPY --chown=55 a.txt /4
