FROM busybox
COPY <<E /h
l1
l2
E
RUN echo a \
 b > /o
