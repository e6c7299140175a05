FROM busybox
RUN mkdir /d && touch /d/a /d/b
RUN rm /d/a && rm -r /root
RUN rm -rf /d && mkdir /d && touch /d/c
