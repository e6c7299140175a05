FROM busybox
ARG X=dflt
RUN echo $X > /x
