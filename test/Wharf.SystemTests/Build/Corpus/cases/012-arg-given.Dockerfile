# args: --build-arg X=given --build-arg Y=why
FROM busybox
ARG X=dflt
ARG Y
RUN echo $X-$Y > /x
LABEL y=$Y
