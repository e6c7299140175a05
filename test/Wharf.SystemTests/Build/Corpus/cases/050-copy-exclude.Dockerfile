FROM busybox
COPY --exclude=*.c --exclude=sub dir /x
