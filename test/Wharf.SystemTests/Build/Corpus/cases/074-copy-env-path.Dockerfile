FROM busybox
ENV SRC=a.txt DST=/en
COPY $SRC ${DST}/
ADD ${SRC} $DST/add
