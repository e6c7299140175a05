FROM busybox
RUN mkdir -p /etc /tmp && echo joe:x:1234:1234::/home/joe:/bin/sh >> /etc/passwd && echo joe:x:1234: >> /etc/group
USER joe
RUN id -u > /tmp/u
USER 99:98
RUN id -u > /tmp/v; id -g >> /tmp/v
