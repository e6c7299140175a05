# args: --build-arg HTTP_PROXY=http://p --build-arg no_proxy=q
FROM busybox
RUN echo "$HTTP_PROXY|$http_proxy|$NO_PROXY|$no_proxy|$FTP_PROXY" > /o
