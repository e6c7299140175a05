FROM busybox
RUN echo hello > /hello && chmod 600 /hello
