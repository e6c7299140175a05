FROM busybox
RUN mkdir /p && touch /p/s && chmod 4755 /p/s && touch /p/t && chmod 2750 /p/t && mkdir /p/u && chmod 1777 /p/u && mkfifo /p/fifo && ln /p/s /p/hard
