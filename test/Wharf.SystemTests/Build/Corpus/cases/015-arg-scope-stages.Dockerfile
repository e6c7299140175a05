ARG G=global
FROM busybox AS a
RUN echo "[$G]" > /a
FROM busybox
ARG G
COPY --from=a /a /a
RUN echo "[$G]" > /b
