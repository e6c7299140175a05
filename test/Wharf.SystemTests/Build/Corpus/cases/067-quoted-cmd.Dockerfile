FROM busybox
CMD ["a\"b", "c\\d", "\u00e9"]
RUN echo "it's" 'a "q"' > /q
