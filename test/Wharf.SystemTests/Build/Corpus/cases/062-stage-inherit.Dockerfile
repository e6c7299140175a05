FROM busybox AS Base
ENV A=1
WORKDIR /w
LABEL l=1
FROM base
ENV B=2
RUN pwd > p
