FROM busybox
WORKDIR /all
COPY . .
