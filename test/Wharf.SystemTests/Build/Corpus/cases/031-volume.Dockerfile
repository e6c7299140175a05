FROM busybox
VOLUME /data /logs
VOLUME ["/json", "/j 2"]
