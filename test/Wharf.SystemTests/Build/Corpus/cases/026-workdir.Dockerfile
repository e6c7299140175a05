FROM busybox
WORKDIR /a
WORKDIR b
WORKDIR c/d
RUN pwd > /pwd
