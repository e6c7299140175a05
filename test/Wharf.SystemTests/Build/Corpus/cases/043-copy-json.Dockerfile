FROM busybox
COPY ["with space.txt", "a.txt", "/s p/"]
