FROM busybox
COPY *.txt /w/
COPY dir/?.c /c/
