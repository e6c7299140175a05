# comment

FROM busybox
  # indented comment
RUN echo '# not a comment' > /c
   RUN echo indented > /i
