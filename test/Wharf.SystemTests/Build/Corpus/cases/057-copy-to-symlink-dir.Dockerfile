FROM busybox
RUN mkdir /real && ln -s /real /sym
COPY a.txt /sym/
COPY dir /sym
