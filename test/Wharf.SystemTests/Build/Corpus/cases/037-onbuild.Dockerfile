FROM busybox
ONBUILD RUN echo triggered > /t
ONBUILD COPY a.txt /a
ONBUILD ENV X=1
