# args: --build-arg C=3
FROM busybox
ARG A=1 B=2 C
RUN echo $A$B$C > /x
