FROM busybox
ADD arch.tar.gz /u/
ADD arch.tar.gz /v
COPY arch.tar.gz /c/
