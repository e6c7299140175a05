FROM busybox
RUN mkdir -p /o/sub && echo old > /o/one.c && chmod 600 /o/one.c
COPY dir /o
