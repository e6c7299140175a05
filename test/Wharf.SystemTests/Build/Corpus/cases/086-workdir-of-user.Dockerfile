FROM busybox
RUN echo "bob:x:55:66::/:/bin/sh" >> /etc/passwd && echo "bobs:x:66:" >> /etc/group
USER 3
WORKDIR /a/b
USER bob
WORKDIR /c/d
COPY a.txt e/
USER 7:8
WORKDIR /c/f
USER bob:3
WORKDIR rel
WORKDIR /tmp
