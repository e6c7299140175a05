FROM busybox AS one
RUN mkdir -p /o/p && echo 1 > /o/p/f && ln -s f /o/p/l && chown 3:4 /o/p/f
FROM busybox
COPY --from=one /o /o2
COPY --from=0 /o/p/l /l
