FROM busybox
ARG P=9
EXPOSE 80 ${P}0 7/udp ${Q:-6}5-66 20-22/sctp
