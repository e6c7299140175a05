FROM busybox
ENV PATH=/x:$PATH
RUN echo $PATH > /p
