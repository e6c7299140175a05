FROM busybox
SHELL ["/bin/sh", "-exc"]
RUN echo x > /x
CMD echo hi
