FROM busybox
RUN mkdir /q && chmod 700 /q
COPY --link a.txt /q/a
COPY --link dir /l/d
