FROM busybox
RUN mkdir -p /t/x && chmod 711 /t
COPY --chmod=700 dir/ /t/
COPY --chown=9:9 dir/sub /t/new/
