FROM busybox
RUN mkdir -p /keep/me && touch -d @1000000000 /keep/me
COPY a.txt /keep/me/a
