FROM busybox
RUN echo a \
  # a comment inside
  && echo b > /b \
  && echo c > /c
