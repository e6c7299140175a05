FROM busybox
ADD --unpack=false arch.tar.gz /n/
