FROM busybox
COPY a.txt /x/y/z.txt
COPY a.txt /d/
